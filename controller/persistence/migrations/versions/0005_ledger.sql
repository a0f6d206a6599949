-- Movements that people order, two-phase movements, histories of limits and of verifications.

CREATE TABLE movements (
    id UUID NOT NULL,
    key TEXT NOT NULL,
    kind TEXT NOT NULL,
    asked JSON NOT NULL,
    of_posting_id UUID,
    forced BOOLEAN NOT NULL,
    memo TEXT DEFAULT '' NOT NULL,
    who TEXT DEFAULT '' NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT movements_pkey PRIMARY KEY (id),
    CONSTRAINT movements_key_key UNIQUE (key)
);

CREATE UNIQUE INDEX movements_reversal_idx ON movements (of_posting_id) WHERE kind = 'reversal';

CREATE TABLE pending_movements (
    id UUID NOT NULL,
    kind TEXT NOT NULL,
    debit_account_id BIGINT NOT NULL,
    credit_account_id BIGINT NOT NULL,
    amount NUMERIC(24, 10) NOT NULL,
    currency VARCHAR(3) NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    state TEXT DEFAULT 'pending' NOT NULL,
    posted NUMERIC(24, 10),
    posting_id UUID,
    ended_at TIMESTAMP WITH TIME ZONE,
    ended_by TEXT DEFAULT '' NOT NULL,
    ended_memo TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pending_movements_pkey PRIMARY KEY (id),
    CONSTRAINT pending_movements_kind_check CHECK (kind IN ('withdrawal','transfer')),
    CONSTRAINT pending_movements_positive_check CHECK (amount > 0),
    CONSTRAINT pending_movements_two_accounts_check CHECK (debit_account_id <> credit_account_id),
    CONSTRAINT pending_movements_state_check CHECK (state IN ('pending','posted','voided','expired')),
    CONSTRAINT pending_movements_end_check CHECK ((state = 'posted') = (posted IS NOT NULL) AND (state = 'posted') = (posting_id IS NOT NULL) AND (state = 'pending') = (ended_at IS NULL)),
    CONSTRAINT pending_movements_posted_check CHECK (posted > 0 AND posted <= amount),
    CONSTRAINT pending_movements_id_fkey FOREIGN KEY(id) REFERENCES movements (id) ON DELETE RESTRICT,
    CONSTRAINT pending_movements_debit_account_id_fkey FOREIGN KEY(debit_account_id) REFERENCES accounts (id) ON DELETE RESTRICT,
    CONSTRAINT pending_movements_credit_account_id_fkey FOREIGN KEY(credit_account_id) REFERENCES accounts (id) ON DELETE RESTRICT,
    CONSTRAINT pending_movements_posting_id_key UNIQUE (posting_id)
);

CREATE INDEX pending_movements_debit_idx ON pending_movements (debit_account_id);
CREATE INDEX pending_movements_held_idx ON pending_movements (debit_account_id, expires_at)
    WHERE state = 'pending';

CREATE TABLE account_limit_changes (
    id BIGSERIAL NOT NULL,
    account_id BIGINT NOT NULL,
    before NUMERIC(24, 10) NOT NULL,
    after NUMERIC(24, 10) NOT NULL,
    key TEXT,
    memo TEXT DEFAULT '' NOT NULL,
    who TEXT DEFAULT '' NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT account_limit_changes_pkey PRIMARY KEY (id),
    CONSTRAINT account_limit_changes_key_key UNIQUE (key),
    CONSTRAINT account_limit_changes_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id) ON DELETE RESTRICT
);

CREATE INDEX account_limit_changes_account_idx ON account_limit_changes (account_id, id);

CREATE TABLE ledger_verifications (
    id BIGSERIAL NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    took_ms BIGINT NOT NULL,
    counted JSON NOT NULL,
    ok BOOLEAN NOT NULL,
    difference_count INTEGER NOT NULL,
    differences JSON NOT NULL,
    CONSTRAINT ledger_verifications_pkey PRIMARY KEY (id)
);

CREATE INDEX ledger_verifications_at_idx ON ledger_verifications (at);

-- The order in which postings of one account were recorded: its funds are locked meanwhile.
ALTER TABLE postings ALTER COLUMN recorded_at SET DEFAULT clock_timestamp();

-- What was recorded is never changed and never removed, whoever asks, the tables' owner included.
CREATE FUNCTION rows_are_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is immutable: nothing in it is changed or removed', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER movements_immutable BEFORE UPDATE OR DELETE ON movements
    FOR EACH ROW EXECUTE FUNCTION rows_are_immutable();
CREATE TRIGGER movements_not_truncated BEFORE TRUNCATE ON movements
    FOR EACH STATEMENT EXECUTE FUNCTION rows_are_immutable();
CREATE TRIGGER account_limit_changes_immutable BEFORE UPDATE OR DELETE ON account_limit_changes
    FOR EACH ROW EXECUTE FUNCTION rows_are_immutable();
CREATE TRIGGER account_limit_changes_not_truncated BEFORE TRUNCATE ON account_limit_changes
    FOR EACH STATEMENT EXECUTE FUNCTION rows_are_immutable();
CREATE TRIGGER ledger_verifications_immutable BEFORE UPDATE OR DELETE ON ledger_verifications
    FOR EACH ROW EXECUTE FUNCTION rows_are_immutable();
CREATE TRIGGER ledger_verifications_not_truncated BEFORE TRUNCATE ON ledger_verifications
    FOR EACH STATEMENT EXECUTE FUNCTION rows_are_immutable();

-- A pending movement ends once (domain/pending.py); what it was about stays as it was.
CREATE FUNCTION pending_movement_ends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'pending' OR NEW.state = 'pending' OR
        (NEW.id, NEW.kind, NEW.debit_account_id, NEW.credit_account_id, NEW.amount, NEW.currency,
            NEW.expires_at) IS DISTINCT FROM
        (OLD.id, OLD.kind, OLD.debit_account_id, OLD.credit_account_id, OLD.amount, OLD.currency,
            OLD.expires_at)
    THEN
        RAISE EXCEPTION 'a pending movement ends once and is otherwise immutable'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION pending_movement_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> 'pending' THEN
        RAISE EXCEPTION 'a pending movement begins as pending' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER pending_movements_begin BEFORE INSERT ON pending_movements
    FOR EACH ROW EXECUTE FUNCTION pending_movement_begins();
CREATE TRIGGER pending_movements_end BEFORE UPDATE ON pending_movements
    FOR EACH ROW EXECUTE FUNCTION pending_movement_ends();
CREATE TRIGGER pending_movements_kept BEFORE DELETE ON pending_movements
    FOR EACH ROW EXECUTE FUNCTION rows_are_immutable();
CREATE TRIGGER pending_movements_not_truncated BEFORE TRUNCATE ON pending_movements
    FOR EACH STATEMENT EXECUTE FUNCTION rows_are_immutable();

-- Every change of an overdraft limit leaves a line, whoever makes it. The ledger's command says
-- key, memo and who in a setting of its transaction.
CREATE FUNCTION account_limit_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    noted json := nullif(current_setting('tollgate.limit_change', true), '')::json;
    before numeric := 0;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        before := OLD.overdraft_limit;
    END IF;
    INSERT INTO account_limit_changes (account_id, before, after, key, memo, who)
    VALUES (NEW.id, before, NEW.overdraft_limit, noted->>'key', coalesce(noted->>'memo', ''),
        coalesce(noted->>'who', 'database user ' || session_user));
    RETURN NULL;
END $$;
CREATE TRIGGER account_limit_begins AFTER INSERT ON accounts
    FOR EACH ROW WHEN (NEW.overdraft_limit <> 0) EXECUTE FUNCTION account_limit_changed();
CREATE TRIGGER account_limit_changes AFTER UPDATE OF overdraft_limit ON accounts
    FOR EACH ROW WHEN (OLD.overdraft_limit IS DISTINCT FROM NEW.overdraft_limit)
    EXECUTE FUNCTION account_limit_changed();

INSERT INTO account_limit_changes (account_id, before, after, memo)
SELECT id, 0, overdraft_limit, 'as it was when the history began'
FROM accounts WHERE overdraft_limit <> 0 ORDER BY id;

-- Money and limits of accounts, locked in the order of their ids. Read after the lock is had, by
-- a statement of its own: a limit that was changed while this waited is the changed one.
CREATE FUNCTION lock_funds(wanted bigint[])
RETURNS TABLE (account_id bigint, balance numeric, overdraft_limit numeric, reserved numeric,
    lines integer, capacity integer)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    PERFORM FROM account_funds f WHERE f.account_id = ANY(wanted) ORDER BY f.account_id FOR UPDATE;
    RETURN QUERY
        SELECT f.account_id, f.balance, a.overdraft_limit, f.reserved, f.lines, a.capacity
        FROM account_funds f JOIN accounts a ON a.id = f.account_id
        WHERE f.account_id = ANY(wanted);
END $$;

INSERT INTO accounts (name, kind, currency)
SELECT 'adjustments:' || c.currency, 'system', c.currency
FROM (SELECT DISTINCT currency FROM accounts) AS c
ON CONFLICT (name) DO NOTHING;
