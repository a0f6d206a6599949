-- One owning controller for each switch.

CREATE TABLE switch_leases (
    switch_id TEXT NOT NULL,
    epoch BIGINT DEFAULT 0 NOT NULL,
    owner_token UUID,
    owner_host TEXT DEFAULT '' NOT NULL,
    owner_pid INTEGER DEFAULT 0 NOT NULL,
    owner_mark TEXT DEFAULT '' NOT NULL,
    taken_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    renewed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    retired_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT switch_leases_pkey PRIMARY KEY (switch_id)
)
-- renewed every second: room for the new version beside the old one
WITH (fillfactor = 50);

-- Part of every transaction of the call path. A change of hands locks the row FOR UPDATE and so
-- waits for transactions that have passed here; those that come later see the new epoch and are
-- refused as a whole. Renewals change no key and get in nobody's way.
CREATE FUNCTION switch_fence(fenced_switch text, held_epoch bigint, held_token uuid)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM switch_leases
    WHERE switch_id = fenced_switch AND epoch = held_epoch AND owner_token = held_token
    FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'epoch % of % is over', held_epoch, fenced_switch USING ERRCODE = 'TG001';
    END IF;
END $$;
