-- Phone cards (docs/adr/0025): batches, cards, and who tried wrong PINs.

CREATE TABLE card_batches (
    id BIGSERIAL NOT NULL,
    issuer_account_id BIGINT,
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    face_value NUMERIC(24, 10) NOT NULL,
    count INTEGER NOT NULL,
    pin_length INTEGER NOT NULL,
    prefix TEXT DEFAULT '' NOT NULL,
    password_length INTEGER NOT NULL,
    seal_id BYTEA NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE,
    memo TEXT DEFAULT '' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by TEXT DEFAULT '' NOT NULL,
    revision BIGINT DEFAULT 1 NOT NULL,
    CONSTRAINT card_batches_pkey PRIMARY KEY (id),
    CONSTRAINT card_batches_face_value_check CHECK (face_value > 0),
    CONSTRAINT card_batches_count_check CHECK (count BETWEEN 1 AND 10000),
    CONSTRAINT card_batches_issuer_account_id_fkey FOREIGN KEY(issuer_account_id) REFERENCES accounts (id) ON DELETE RESTRICT,
    CONSTRAINT card_batches_key_key UNIQUE (key)
);
CREATE INDEX card_batches_expiry_idx ON card_batches (expires_at) WHERE expires_at IS NOT NULL;
CREATE UNIQUE INDEX card_batches_issuer_name_idx ON card_batches (issuer_account_id, name);
CREATE UNIQUE INDEX card_batches_platform_name_idx ON card_batches (name)
    WHERE issuer_account_id IS NULL;

CREATE TABLE cards (
    id BIGSERIAL NOT NULL,
    batch_id BIGINT NOT NULL,
    number INTEGER NOT NULL,
    pin_digest BYTEA NOT NULL,
    password_digest BYTEA,
    last_digits VARCHAR(4) NOT NULL,
    state TEXT DEFAULT 'unused' NOT NULL,
    locked BOOLEAN DEFAULT false NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    ended_by TEXT DEFAULT '' NOT NULL,
    movement_id UUID,
    used_account_id BIGINT,
    revision BIGINT DEFAULT 1 NOT NULL,
    CONSTRAINT cards_pkey PRIMARY KEY (id),
    CONSTRAINT cards_batch_id_number_key UNIQUE (batch_id, number),
    CONSTRAINT cards_state_check CHECK (state IN ('unused','used','voided','expired')),
    CONSTRAINT cards_end_check CHECK ((state = 'unused') = (ended_at IS NULL) AND (state = 'used') = (used_account_id IS NOT NULL) AND (state <> 'used' OR movement_id IS NOT NULL) AND (state <> 'unused' OR movement_id IS NULL)),
    CONSTRAINT cards_batch_id_fkey FOREIGN KEY(batch_id) REFERENCES card_batches (id) ON DELETE RESTRICT,
    CONSTRAINT cards_pin_digest_key UNIQUE (pin_digest),
    CONSTRAINT cards_used_account_id_fkey FOREIGN KEY(used_account_id) REFERENCES accounts (id) ON DELETE RESTRICT
);
CREATE INDEX cards_account_idx ON cards (used_account_id) WHERE used_account_id IS NOT NULL;
CREATE INDEX cards_movement_idx ON cards (movement_id) WHERE movement_id IS NOT NULL;
CREATE INDEX cards_state_idx ON cards (batch_id, state, number);

CREATE TABLE card_tries (
    subject TEXT NOT NULL,
    tries INTEGER NOT NULL,
    first_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT card_tries_pkey PRIMARY KEY (subject)
);

-- What was sold stays as it was sold: of a batch only the revision counts on.
CREATE FUNCTION card_batch_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) - 'revision' IS DISTINCT FROM to_jsonb(OLD) - 'revision' THEN
        RAISE EXCEPTION 'a batch of cards is immutable' USING ERRCODE = 'restrict_violation';
    END IF;
    NEW.revision := OLD.revision + 1;
    RETURN NEW;
END $$;
CREATE TRIGGER card_batches_stay BEFORE UPDATE ON card_batches
    FOR EACH ROW EXECUTE FUNCTION card_batch_stays();
CREATE TRIGGER card_batches_kept BEFORE DELETE ON card_batches
    FOR EACH ROW EXECUTE FUNCTION rows_are_immutable();
CREATE TRIGGER card_batches_not_truncated BEFORE TRUNCATE ON card_batches
    FOR EACH STATEMENT EXECUTE FUNCTION rows_are_immutable();

-- A card begins unused and ends once (domain/cards.py); what was printed on it never changes.
CREATE FUNCTION card_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> 'unused' THEN
        RAISE EXCEPTION 'a card begins unused' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION card_ends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'unused' OR
        (NEW.id, NEW.batch_id, NEW.number, NEW.pin_digest, NEW.password_digest, NEW.last_digits)
        IS DISTINCT FROM
        (OLD.id, OLD.batch_id, OLD.number, OLD.pin_digest, OLD.password_digest, OLD.last_digits)
    THEN
        RAISE EXCEPTION 'a card ends once and is otherwise immutable'
            USING ERRCODE = 'restrict_violation';
    END IF;
    NEW.revision := OLD.revision + 1;
    RETURN NEW;
END $$;
CREATE TRIGGER cards_begin BEFORE INSERT ON cards
    FOR EACH ROW EXECUTE FUNCTION card_begins();
CREATE TRIGGER cards_end BEFORE UPDATE ON cards
    FOR EACH ROW EXECUTE FUNCTION card_ends();
CREATE TRIGGER cards_kept BEFORE DELETE ON cards
    FOR EACH ROW EXECUTE FUNCTION rows_are_immutable();
CREATE TRIGGER cards_not_truncated BEFORE TRUNCATE ON cards
    FOR EACH STATEMENT EXECUTE FUNCTION rows_are_immutable();

-- What agents have paid for cards that nobody has used yet, in every currency that there is.
INSERT INTO accounts (name, kind, currency)
SELECT 'cards:' || currency, 'system', currency FROM accounts WHERE kind = 'system'
GROUP BY currency
ON CONFLICT (name) DO NOTHING;
