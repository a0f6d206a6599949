-- Limits of calls in progress and of new calls a second; money held at prepaid vendors.

-- These locks are taken in the order of the call path and kept to the end: what is counted below
-- is what stands in `calls`.
ALTER TABLE calls
    ADD COLUMN group_ids BIGINT[] DEFAULT '{}' NOT NULL,
    ADD COLUMN vendor_ids BIGINT[] DEFAULT '{}' NOT NULL,
    ADD COLUMN vendor_reserved NUMERIC(24, 10)[] DEFAULT '{}' NOT NULL;

ALTER TABLE account_funds
    ADD COLUMN subtree_lines INTEGER DEFAULT 0 NOT NULL,
    ADD CONSTRAINT account_funds_subtree_lines_check CHECK (subtree_lines >= 0);

ALTER TABLE gateway_lines RENAME TO lines;
ALTER TABLE lines RENAME COLUMN side TO kind;
ALTER TABLE lines RENAME COLUMN gateway_id TO id;
ALTER TABLE lines RENAME CONSTRAINT gateway_lines_pkey TO lines_pkey;
ALTER TABLE lines RENAME CONSTRAINT gateway_lines_used_check TO lines_used_check;
ALTER TABLE lines
    ADD COLUMN recent JSON,
    ADD CONSTRAINT lines_kind_check CHECK
        (kind IN ('mapping','routing','group','phone','phone_in','phone_out','system'));

ALTER TABLE accounts
    ADD COLUMN subtree_capacity INTEGER,
    ADD CONSTRAINT accounts_subtree_capacity_check CHECK (subtree_capacity >= 0);
ALTER TABLE phones
    ADD COLUMN lines_in INTEGER,
    ADD COLUMN lines_out INTEGER,
    ADD COLUMN lines_total INTEGER,
    ADD CONSTRAINT phones_lines_check CHECK (lines_in >= 0 AND lines_out >= 0 AND lines_total >= 0);
ALTER TABLE mapping_gateways
    ADD COLUMN calls_per_second INTEGER,
    ADD CONSTRAINT mapping_gateways_calls_per_second_check CHECK (calls_per_second >= 1);
ALTER TABLE routing_gateways
    ADD COLUMN calls_per_second INTEGER,
    ADD CONSTRAINT routing_gateways_calls_per_second_check CHECK (calls_per_second >= 1);

CREATE TABLE gateway_groups (
    id BIGSERIAL NOT NULL,
    name TEXT NOT NULL,
    capacity INTEGER,
    memo TEXT DEFAULT '' NOT NULL,
    CONSTRAINT gateway_groups_pkey PRIMARY KEY (id),
    CONSTRAINT gateway_groups_name_key UNIQUE (name),
    CONSTRAINT gateway_groups_capacity_check CHECK (capacity >= 0)
);

CREATE TABLE mapping_gateway_groups (
    gateway_id BIGINT NOT NULL,
    group_id BIGINT NOT NULL,
    CONSTRAINT mapping_gateway_groups_pkey PRIMARY KEY (gateway_id, group_id),
    CONSTRAINT mapping_gateway_groups_gateway_id_fkey FOREIGN KEY(gateway_id) REFERENCES mapping_gateways (id) ON DELETE CASCADE,
    CONSTRAINT mapping_gateway_groups_group_id_fkey FOREIGN KEY(group_id) REFERENCES gateway_groups (id) ON DELETE RESTRICT
);

CREATE TABLE routing_gateway_groups (
    gateway_id BIGINT NOT NULL,
    group_id BIGINT NOT NULL,
    CONSTRAINT routing_gateway_groups_pkey PRIMARY KEY (gateway_id, group_id),
    CONSTRAINT routing_gateway_groups_gateway_id_fkey FOREIGN KEY(gateway_id) REFERENCES routing_gateways (id) ON DELETE CASCADE,
    CONSTRAINT routing_gateway_groups_group_id_fkey FOREIGN KEY(group_id) REFERENCES gateway_groups (id) ON DELETE RESTRICT
);

-- Everything that has lines has its row from the start.
CREATE OR REPLACE FUNCTION gateway_gets_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO lines (kind, id) VALUES (TG_ARGV[0], NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER gateway_group_lines AFTER INSERT ON gateway_groups
    FOR EACH ROW EXECUTE FUNCTION gateway_gets_lines('group');

-- phones may come by the hundred thousand
CREATE FUNCTION phones_get_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO lines (kind, id)
    SELECT k.kind, p.id FROM added p, (VALUES ('phone'), ('phone_in'), ('phone_out')) AS k(kind);
    RETURN NULL;
END $$;
CREATE TRIGGER phone_lines AFTER INSERT ON phones
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION phones_get_lines();

-- Calls in progress. Until now a phone only called, and there were no groups.
INSERT INTO lines (kind, id) VALUES ('system', 0);
INSERT INTO lines (kind, id, used)
SELECT k.kind, p.id, CASE WHEN k.kind = 'phone_in' THEN 0 ELSE coalesce(c.calls, 0) END
FROM phones p CROSS JOIN (VALUES ('phone'), ('phone_in'), ('phone_out')) AS k(kind)
LEFT JOIN (SELECT phone_id, count(*) AS calls FROM calls GROUP BY 1) c ON c.phone_id = p.id;
UPDATE account_funds f SET subtree_lines = c.calls
FROM (SELECT payer, count(*) AS calls FROM calls, unnest(payer_ids) AS payer GROUP BY 1) c
WHERE f.account_id = c.payer;

-- Calls in progress beside their limits; `name` is a group's.
CREATE VIEW line_limits AS
SELECT l.kind, l.id, l.used, o.capacity, o.per_second, l.recent, o.name
FROM lines l LEFT JOIN LATERAL (
    SELECT g.capacity, g.calls_per_second, NULL::text
    FROM mapping_gateways g WHERE l.kind = 'mapping' AND g.id = l.id
    UNION ALL
    SELECT g.capacity, g.calls_per_second, NULL
    FROM routing_gateways g WHERE l.kind = 'routing' AND g.id = l.id
    UNION ALL
    SELECT g.capacity, NULL, g.name FROM gateway_groups g WHERE l.kind = 'group' AND g.id = l.id
    UNION ALL
    SELECT CASE l.kind WHEN 'phone' THEN p.lines_total WHEN 'phone_in' THEN p.lines_in
        ELSE p.lines_out END, NULL, NULL
    FROM phones p WHERE l.kind IN ('phone', 'phone_in', 'phone_out') AND p.id = l.id
) AS o(capacity, per_second, name) ON true;

-- Lines, locked in one order. Read after the lock is had: a limit that was changed while this
-- waited is the changed one, and `now_us` is later than every call that was counted before.
CREATE FUNCTION lock_lines(wanted_kinds text[], wanted_ids bigint[])
RETURNS TABLE (kind text, id bigint, used integer, capacity integer, per_second integer,
    recent json, name text, now_us bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    locked_us bigint;
BEGIN
    PERFORM FROM lines l
        JOIN unnest(wanted_kinds, wanted_ids) AS w(kind, id) ON w.kind = l.kind AND w.id = l.id
        ORDER BY l.kind, l.id FOR UPDATE OF l;
    locked_us := extract(epoch FROM clock_timestamp()) * 1000000;
    RETURN QUERY
        SELECT l.kind, l.id, l.used, l.capacity, l.per_second, l.recent, l.name, locked_us
        FROM line_limits l
        JOIN unnest(wanted_kinds, wanted_ids) AS w(kind, id) ON w.kind = l.kind AND w.id = l.id;
END $$;

DROP FUNCTION lock_funds(bigint[]);
CREATE FUNCTION lock_funds(wanted bigint[])
RETURNS TABLE (account_id bigint, balance numeric, overdraft_limit numeric, reserved numeric,
    lines integer, capacity integer, subtree_lines integer, subtree_capacity integer)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    PERFORM FROM account_funds f WHERE f.account_id = ANY(wanted) ORDER BY f.account_id FOR UPDATE;
    RETURN QUERY
        SELECT f.account_id, f.balance, a.overdraft_limit, f.reserved, f.lines, a.capacity,
            f.subtree_lines, a.subtree_capacity
        FROM account_funds f JOIN accounts a ON a.id = f.account_id
        WHERE f.account_id = ANY(wanted);
END $$;
