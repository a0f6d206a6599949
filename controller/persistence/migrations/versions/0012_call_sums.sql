-- Which agents a call concerns, and sums of calls by minute for each account (docs/adr/0022).

-- The agents above a call's account when it ended: refused calls have no lines of charges, and an
-- account that is moved does not take its old calls along. The account itself is in `cdrs`.
CREATE TABLE cdr_agents (
    account_id BIGINT NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    call_id UUID NOT NULL,
    CONSTRAINT cdr_agents_pkey PRIMARY KEY (account_id, started_at, call_id)
) PARTITION BY RANGE (started_at);
CREATE TABLE cdr_agents_default PARTITION OF cdr_agents DEFAULT;
DO $$
DECLARE
    part record;
BEGIN
    FOR part IN
        SELECT c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bound
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'cdrs'::regclass AND c.relname <> 'cdrs_default'
    LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF cdr_agents %s',
            replace(part.name, 'cdrs_', 'cdr_agents_'), part.bound);
    END LOOP;
END $$;
INSERT INTO cdr_agents (account_id, started_at, call_id)
SELECT t.ancestor_id, c.started_at, c.call_id
FROM cdrs c JOIN account_tree t ON t.descendant_id = c.account_id AND t.depth > 0
UNION
SELECT account_id, started_at, call_id FROM cdr_charges WHERE party > 0;

-- Sums by minute of the call's start. Account 0 is the operator. `below`: of calls of the accounts
-- below this one, else of its own. Counts stand in the row without a currency; money in one row for
-- each. `earned` is the net of the line directly below (the operator: of the topmost payer), `paid`
-- the net of the own line (the operator: all that the vendor gets), `tax` the own line's.
CREATE TABLE call_sums (
    account_id BIGINT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    currency VARCHAR(3) DEFAULT '' NOT NULL,
    below BOOLEAN NOT NULL,
    offered BIGINT DEFAULT 0 NOT NULL,
    answered BIGINT DEFAULT 0 NOT NULL,
    talk_ms BIGINT DEFAULT 0 NOT NULL,
    to_review BIGINT DEFAULT 0 NOT NULL,
    earned NUMERIC(24, 10) DEFAULT 0 NOT NULL,
    paid NUMERIC(24, 10) DEFAULT 0 NOT NULL,
    tax NUMERIC(24, 10) DEFAULT 0 NOT NULL,
    CONSTRAINT call_sums_pkey PRIMARY KEY (account_id, at, currency, below)
) WITH (fillfactor = 80);

-- What has come since a job folded it into `call_sums`: only ever appended to by calls, so that no
-- call waits for another one's row. Sums are those of both tables.
CREATE TABLE call_sums_new (LIKE call_sums INCLUDING DEFAULTS)
    WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);

-- Older calls (records that come late, corrections) are not summed: nobody asks for them.
CREATE FUNCTION oldest_call_sum() RETURNS timestamptz LANGUAGE sql STABLE AS
    $$ SELECT now() - interval '3 days' $$;

CREATE FUNCTION records_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM added) THEN
        RETURN NULL;
    END IF;
    INSERT INTO cdr_agents (account_id, started_at, call_id)
    SELECT t.ancestor_id, n.started_at, n.call_id
    FROM added n JOIN account_tree t ON t.descendant_id = n.account_id AND t.depth > 0
    ON CONFLICT DO NOTHING;
    INSERT INTO call_sums_new (account_id, at, below, offered, answered, talk_ms, to_review)
    SELECT w.account_id, date_trunc('minute', n.started_at), w.below, count(*),
        count(n.answered_at), sum(n.talk_ms), count(*) FILTER (WHERE n.review <> '')
    FROM added n CROSS JOIN LATERAL (
        SELECT 0::bigint AS account_id, false AS below
        UNION ALL SELECT ancestor_id, depth > 0 FROM account_tree
        WHERE descendant_id = n.account_id
    ) AS w
    WHERE n.started_at > oldest_call_sum()
    GROUP BY 1, 2, 3;
    RETURN NULL;
END $$;
CREATE TRIGGER cdrs_concern_agents AFTER INSERT ON cdrs REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION records_added();

-- All lines of a call come in one statement. A correction counts by its difference from the
-- revision before it.
CREATE FUNCTION charges_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM added) THEN
        RETURN NULL;
    END IF;
    INSERT INTO cdr_agents (account_id, started_at, call_id)
    SELECT account_id, started_at, call_id FROM added WHERE party > 0 AND revision = 0
    ON CONFLICT DO NOTHING;
    INSERT INTO call_sums_new (account_id, at, currency, below, earned, paid, tax)
    WITH lines AS MATERIALIZED (
        SELECT n.party, n.account_id, n.currency, date_trunc('minute', n.started_at) AS at,
            n.net - coalesce(b.net, 0) AS net, n.tax - coalesce(b.tax, 0) AS tax,
            coalesce(a.account_id, 0) AS above_id
        FROM added n
        LEFT JOIN cdr_charges b ON n.revision > 0 AND b.call_id = n.call_id
            AND b.started_at = n.started_at AND b.party = n.party AND b.revision = n.revision - 1
        LEFT JOIN cdr_charges a ON n.party >= 0 AND a.call_id = n.call_id
            AND a.started_at = n.started_at AND a.party = n.party + 1 AND a.revision = 0
        WHERE n.started_at > oldest_call_sum()
    )
    SELECT account_id, at, currency, below, sum(earned), sum(paid), sum(tax) FROM (
        SELECT account_id, at, currency, party > 0 AS below, 0 AS earned, net AS paid, tax
        FROM lines WHERE party >= 0
        UNION ALL
        SELECT above_id, at, currency, above_id <> 0, net, 0, 0 FROM lines WHERE party >= 0
        UNION ALL
        SELECT 0, at, currency, false, 0, net + tax, 0 FROM lines WHERE party < 0
    ) AS parts
    GROUP BY 1, 2, 3, 4;
    RETURN NULL;
END $$;
CREATE TRIGGER cdr_charges_are_summed AFTER INSERT ON cdr_charges REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION charges_added();

-- The days that are shown, of the calls before.
INSERT INTO call_sums_new (account_id, at, below, offered, answered, talk_ms, to_review)
SELECT w.account_id, date_trunc('minute', n.started_at), w.below, count(*), count(n.answered_at),
    sum(n.talk_ms), count(*) FILTER (WHERE n.review <> '')
FROM cdrs n CROSS JOIN LATERAL (
    SELECT 0::bigint AS account_id, false AS below
    UNION ALL SELECT ancestor_id, depth > 0 FROM account_tree WHERE descendant_id = n.account_id
) AS w
WHERE n.started_at > oldest_call_sum()
GROUP BY 1, 2, 3;
INSERT INTO call_sums_new (account_id, at, currency, below, earned, paid, tax)
WITH standing AS MATERIALIZED (
    SELECT DISTINCT ON (call_id, started_at, party) call_id, started_at, party, account_id,
        currency, net, tax, date_trunc('minute', started_at) AS at
    FROM cdr_charges WHERE started_at > oldest_call_sum()
    ORDER BY call_id, started_at, party, revision DESC
)
SELECT account_id, at, currency, below, sum(earned), sum(paid), sum(tax) FROM (
    SELECT account_id, at, currency, party > 0 AS below, 0 AS earned, net AS paid, tax
    FROM standing WHERE party >= 0
    UNION ALL
    SELECT coalesce(a.account_id, 0), n.at, n.currency, a.account_id IS NOT NULL, n.net, 0, 0
    FROM standing n LEFT JOIN standing a ON a.call_id = n.call_id
        AND a.started_at = n.started_at AND a.party = n.party + 1
    WHERE n.party >= 0
    UNION ALL
    SELECT 0, at, currency, false, 0, net + tax, 0 FROM standing WHERE party < 0
) AS parts
GROUP BY 1, 2, 3, 4;
