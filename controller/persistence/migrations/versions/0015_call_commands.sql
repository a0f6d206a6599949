-- What people ask of calls in progress: the controller that owns the switch carries it out.
-- Nothing of a call's own way reads or writes this. A call's row is gone when it has ended, so
-- whose it was is kept here.

CREATE TABLE call_commands (
    id BIGSERIAL NOT NULL,
    call_id UUID NOT NULL,
    switch_id TEXT NOT NULL,
    account_id BIGINT NOT NULL,
    payer_ids BIGINT[] NOT NULL,
    asked_by TEXT NOT NULL,
    source TEXT NOT NULL,
    asked_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    state TEXT DEFAULT 'asked' NOT NULL,
    epoch BIGINT,
    ended_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT call_commands_pkey PRIMARY KEY (id),
    CONSTRAINT call_commands_state_check CHECK (state IN ('asked','done','not_there','expired')),
    CONSTRAINT call_commands_ended_check CHECK ((state = 'asked') = (ended_at IS NULL))
);
CREATE UNIQUE INDEX call_commands_asked_idx ON call_commands (call_id) WHERE state = 'asked';
CREATE INDEX call_commands_switch_idx ON call_commands (switch_id) WHERE state = 'asked';
CREATE INDEX call_commands_call_idx ON call_commands (call_id, id);
CREATE INDEX call_commands_age_idx ON call_commands (asked_at);
