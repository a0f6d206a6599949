-- Rights, the tree of accounts, contact data, the audit log (docs/adr/0016).

ALTER TABLE accounts
    ADD COLUMN rights TEXT[] DEFAULT '{}' NOT NULL,
    ADD COLUMN contact JSON DEFAULT '{}' NOT NULL,
    ADD COLUMN low_balance NUMERIC(24, 10),
    ADD COLUMN low_balance_locks BOOLEAN DEFAULT false NOT NULL,
    ADD COLUMN locked_for_balance_at TIMESTAMP WITH TIME ZONE,
    ADD COLUMN awaiting_approval BOOLEAN DEFAULT false NOT NULL,
    ADD COLUMN revision BIGINT DEFAULT 1 NOT NULL,
    ADD CONSTRAINT accounts_rights_check CHECK (rights <@ ARRAY['accounts','phones','phone_cards',
        'gateways','gateway_settings','gateway_capacity','pay_own','pay_sub']::text[]);
CREATE INDEX accounts_low_balance_idx ON accounts (id) WHERE low_balance_locks;
CREATE INDEX accounts_created_idx ON accounts (created_at, id);
CREATE INDEX accounts_top_idx ON accounts (name) WHERE parent_id IS NULL;

-- Counts changes, so that a form can tell that its object was changed meanwhile.
CREATE FUNCTION next_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.revision := OLD.revision + 1;
    RETURN NEW;
END $$;
-- what jobs keep in the row (`billed_until`) does not count
CREATE TRIGGER account_revision BEFORE UPDATE OF name, title, kind, currency, parent_id,
    rate_group_id, private_rate_group_id, monthly_minimum, overdraft_limit, capacity,
    subtree_capacity, locked, expires_at, closed_at, memo, rights, contact, low_balance,
    low_balance_locks, awaiting_approval, offline_calls, offline_minutes, offline_money ON accounts
    FOR EACH ROW EXECUTE FUNCTION next_revision();

-- Who is above whom, at any distance; each account is above itself at depth 0.
CREATE TABLE account_tree (
    ancestor_id BIGINT NOT NULL,
    descendant_id BIGINT NOT NULL,
    depth INTEGER NOT NULL,
    CONSTRAINT account_tree_pkey PRIMARY KEY (ancestor_id, descendant_id),
    CONSTRAINT account_tree_ancestor_id_fkey FOREIGN KEY(ancestor_id) REFERENCES accounts (id) ON DELETE CASCADE,
    CONSTRAINT account_tree_descendant_id_fkey FOREIGN KEY(descendant_id) REFERENCES accounts (id) ON DELETE CASCADE
);
CREATE INDEX account_tree_above_idx ON account_tree (descendant_id, depth, ancestor_id);

-- The lines of these accounts, from what `accounts` says. A circle is refused.
CREATE FUNCTION grow_account_tree(grown bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    circular text;
BEGIN
    SELECT a.name INTO circular FROM accounts a WHERE a.id = (
        WITH RECURSIVE above(start_id, id) AS (
            SELECT id, parent_id FROM accounts WHERE id = ANY(grown) AND parent_id IS NOT NULL
            UNION
            SELECT above.start_id, p.parent_id FROM above JOIN accounts p ON p.id = above.id
            WHERE p.parent_id IS NOT NULL AND above.id <> above.start_id
        )
        SELECT start_id FROM above WHERE id = start_id LIMIT 1);
    IF circular IS NOT NULL THEN
        RAISE EXCEPTION 'account % would be above itself', circular
            USING ERRCODE = 'check_violation', CONSTRAINT = 'account_tree_circle';
    END IF;
    INSERT INTO account_tree (ancestor_id, descendant_id, depth)
    WITH RECURSIVE above(descendant_id, ancestor_id, parent_id, depth) AS (
        SELECT id, id, parent_id, 0 FROM accounts WHERE id = ANY(grown)
        UNION ALL
        SELECT above.descendant_id, p.id, p.parent_id, above.depth + 1
        FROM above JOIN accounts p ON p.id = above.parent_id
    )
    SELECT ancestor_id, descendant_id, depth FROM above;
END $$;

-- Two moves at a time could make a circle that neither of them sees, and an account that is added
-- while its parent moves would miss the move: movers wait for each other and for those that add.
CREATE FUNCTION accounts_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtext('account_tree'));
    PERFORM grow_account_tree(array_agg(id)) FROM added;
    RETURN NULL;
END $$;
CREATE FUNCTION accounts_moved() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moved bigint[];
    below bigint[];
BEGIN
    SELECT array_agg(n.id) INTO moved FROM after_ n JOIN before_ o ON o.id = n.id
    WHERE n.parent_id IS DISTINCT FROM o.parent_id;
    IF moved IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('account_tree'));
    SELECT array_agg(DISTINCT descendant_id) INTO below FROM account_tree
    WHERE ancestor_id = ANY(moved);
    DELETE FROM account_tree WHERE descendant_id = ANY(below);
    PERFORM grow_account_tree(below);
    RETURN NULL;
END $$;
CREATE TRIGGER account_tree_grows AFTER INSERT ON accounts
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION accounts_added();
CREATE TRIGGER account_tree_moves AFTER UPDATE ON accounts
    REFERENCING OLD TABLE AS before_ NEW TABLE AS after_
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_moved();
SELECT grow_account_tree(array_agg(id)) FROM accounts;

-- Who changed what, from what to what; with the change, in its transaction.
CREATE TABLE audit_log (
    id BIGSERIAL NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    actor TEXT NOT NULL,
    user_id BIGINT,
    source TEXT NOT NULL,
    address TEXT DEFAULT '' NOT NULL,
    action TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    account_id BIGINT,
    changes JSON DEFAULT '{}' NOT NULL,
    outcome TEXT NOT NULL,
    CONSTRAINT audit_log_pkey PRIMARY KEY (id),
    CONSTRAINT audit_log_outcome_check CHECK (outcome IN ('done','denied'))
);
CREATE INDEX audit_log_account_idx ON audit_log (account_id, id);
CREATE INDEX audit_log_object_idx ON audit_log (kind, name, id);
CREATE INDEX audit_log_actor_idx ON audit_log (actor, id);
CREATE TRIGGER audit_log_immutable BEFORE UPDATE OR DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION rows_are_immutable();
CREATE TRIGGER audit_log_not_truncated BEFORE TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION rows_are_immutable();

-- What movements left, for receipts and histories.
ALTER TABLE movements ADD COLUMN balances JSON;
CREATE INDEX movements_at_idx ON movements (at, id);

-- The till of agents, in every currency that there is.
INSERT INTO accounts (name, kind, currency)
SELECT 'agents_cash:' || currency, 'system', currency FROM accounts WHERE kind = 'system'
GROUP BY currency;
