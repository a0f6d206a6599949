-- Rates, periods, packages, phones and the chain of agents. Runs on live data: what is added has
-- a default that means what was before; calls in progress keep their reservation.

CREATE TABLE calendars (
    id BIGSERIAL NOT NULL,
    name TEXT NOT NULL,
    working_weekdays SMALLINT[] NOT NULL,
    memo TEXT DEFAULT '' NOT NULL,
    CONSTRAINT calendars_pkey PRIMARY KEY (id),
    CONSTRAINT calendars_name_key UNIQUE (name)
);

CREATE TABLE cdr_charges (
    call_id UUID NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    party SMALLINT NOT NULL,
    revision SMALLINT DEFAULT 0 NOT NULL,
    account_id BIGINT NOT NULL,
    rate_group TEXT DEFAULT '' NOT NULL,
    prefix TEXT DEFAULT '' NOT NULL,
    billed_s INTEGER NOT NULL,
    rated_s INTEGER DEFAULT 0 NOT NULL,
    raw TEXT DEFAULT '' NOT NULL,
    net NUMERIC(24, 10) NOT NULL,
    tax NUMERIC(24, 10) NOT NULL,
    currency VARCHAR(3) NOT NULL,
    free_s INTEGER DEFAULT 0 NOT NULL,
    gift NUMERIC(24, 10) DEFAULT 0 NOT NULL,
    package_ids BIGINT[] DEFAULT '{}' NOT NULL,
    CONSTRAINT cdr_charges_pkey PRIMARY KEY (call_id, started_at, party, revision)
)
 PARTITION BY RANGE (started_at);

CREATE INDEX cdr_charges_account_idx ON cdr_charges (account_id, started_at);

CREATE TABLE calendar_days (
    calendar_id BIGINT NOT NULL,
    day DATE NOT NULL,
    kind TEXT NOT NULL,
    memo TEXT DEFAULT '' NOT NULL,
    CONSTRAINT calendar_days_pkey PRIMARY KEY (calendar_id, day),
    CONSTRAINT calendar_days_kind_check CHECK (kind IN ('working','non_working','special')),
    CONSTRAINT calendar_days_calendar_id_fkey FOREIGN KEY(calendar_id) REFERENCES calendars (id) ON DELETE CASCADE
);

CREATE TABLE packages (
    id BIGSERIAL NOT NULL,
    name TEXT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    rent NUMERIC(24, 10) DEFAULT 0 NOT NULL,
    period TEXT NOT NULL,
    period_s BIGINT,
    alignment TEXT DEFAULT 'calendar' NOT NULL,
    allow_partial_first BOOLEAN DEFAULT false NOT NULL,
    gift_money NUMERIC(24, 10) DEFAULT 0 NOT NULL,
    minimum_consumption NUMERIC(24, 10) DEFAULT 0 NOT NULL,
    effective_consumption NUMERIC(24, 10) DEFAULT 0 NOT NULL,
    calendar_id BIGINT,
    closed_at TIMESTAMP WITH TIME ZONE,
    memo TEXT DEFAULT '' NOT NULL,
    CONSTRAINT packages_pkey PRIMARY KEY (id),
    CONSTRAINT packages_period_check CHECK (period IN ('day','week','month','year','once')),
    CONSTRAINT packages_once_check CHECK ((period = 'once') = (period_s IS NOT NULL)),
    CONSTRAINT packages_alignment_check CHECK (alignment IN ('calendar','anniversary')),
    CONSTRAINT packages_amounts_check CHECK (rent >= 0 AND gift_money >= 0 AND minimum_consumption >= 0 AND effective_consumption >= 0),
    CONSTRAINT packages_name_key UNIQUE (name),
    CONSTRAINT packages_calendar_id_fkey FOREIGN KEY(calendar_id) REFERENCES calendars (id) ON DELETE RESTRICT
);

CREATE TABLE package_free_seconds (
    id BIGSERIAL NOT NULL,
    package_id BIGINT NOT NULL,
    position SMALLINT NOT NULL,
    prefixes TEXT[] NOT NULL,
    start_s INTEGER DEFAULT 0 NOT NULL,
    end_s INTEGER DEFAULT 86400 NOT NULL,
    seconds INTEGER NOT NULL,
    cycle_s INTEGER DEFAULT 60 NOT NULL,
    memo TEXT DEFAULT '' NOT NULL,
    CONSTRAINT package_free_seconds_pkey PRIMARY KEY (id),
    CONSTRAINT package_free_seconds_package_id_position_key UNIQUE (package_id, position),
    CONSTRAINT package_free_seconds_seconds_check CHECK (seconds >= 0 AND cycle_s >= 1),
    CONSTRAINT package_free_seconds_times_check CHECK (start_s BETWEEN 0 AND 86399 AND end_s BETWEEN 0 AND 86400),
    CONSTRAINT package_free_seconds_package_id_fkey FOREIGN KEY(package_id) REFERENCES packages (id) ON DELETE CASCADE
);

CREATE TABLE period_rates (
    id BIGSERIAL NOT NULL,
    rate_group_id BIGINT,
    package_id BIGINT,
    position SMALLINT NOT NULL,
    days TEXT[] DEFAULT '{}' NOT NULL,
    start_s INTEGER DEFAULT 0 NOT NULL,
    end_s INTEGER DEFAULT 86400 NOT NULL,
    multiplier NUMERIC(12, 6),
    own_rate_group_id BIGINT,
    CONSTRAINT period_rates_pkey PRIMARY KEY (id),
    CONSTRAINT period_rates_owner_check CHECK ((rate_group_id IS NULL) <> (package_id IS NULL)),
    CONSTRAINT period_rates_price_check CHECK ((multiplier IS NULL) <> (own_rate_group_id IS NULL)),
    CONSTRAINT period_rates_multiplier_check CHECK (multiplier >= 0),
    CONSTRAINT period_rates_times_check CHECK (start_s BETWEEN 0 AND 86399 AND end_s BETWEEN 0 AND 86400),
    CONSTRAINT period_rates_rate_group_id_package_id_position_key UNIQUE NULLS NOT DISTINCT (rate_group_id, package_id, position),
    CONSTRAINT period_rates_rate_group_id_fkey FOREIGN KEY(rate_group_id) REFERENCES rate_groups (id) ON DELETE CASCADE,
    CONSTRAINT period_rates_package_id_fkey FOREIGN KEY(package_id) REFERENCES packages (id) ON DELETE CASCADE,
    CONSTRAINT period_rates_own_rate_group_id_fkey FOREIGN KEY(own_rate_group_id) REFERENCES rate_groups (id) ON DELETE RESTRICT
);

CREATE TABLE phones (
    id BIGSERIAL NOT NULL,
    number TEXT NOT NULL,
    account_id BIGINT NOT NULL,
    rate_group_id BIGINT,
    "authorization" SMALLINT DEFAULT 5 NOT NULL,
    locked BOOLEAN DEFAULT false NOT NULL,
    monthly_minimum NUMERIC(24, 10) DEFAULT 0 NOT NULL,
    monthly_maximum NUMERIC(24, 10),
    monthly_rent NUMERIC(24, 10) DEFAULT 0 NOT NULL,
    billed_until TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    memo TEXT DEFAULT '' NOT NULL,
    CONSTRAINT phones_pkey PRIMARY KEY (id),
    CONSTRAINT phones_amounts_check CHECK (monthly_minimum >= 0 AND monthly_rent >= 0),
    CONSTRAINT phones_maximum_check CHECK (monthly_maximum >= 0),
    CONSTRAINT phones_number_key UNIQUE (number),
    CONSTRAINT phones_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id) ON DELETE RESTRICT,
    CONSTRAINT phones_rate_group_id_fkey FOREIGN KEY(rate_group_id) REFERENCES rate_groups (id) ON DELETE RESTRICT
);

CREATE INDEX phones_account_idx ON phones (account_id);
CREATE INDEX phones_monthly_idx ON phones (billed_until)
    WHERE monthly_rent > 0 OR monthly_minimum > 0;

CREATE TABLE rate_group_agents (
    rate_group_id BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    CONSTRAINT rate_group_agents_pkey PRIMARY KEY (rate_group_id, account_id),
    CONSTRAINT rate_group_agents_rate_group_id_fkey FOREIGN KEY(rate_group_id) REFERENCES rate_groups (id) ON DELETE CASCADE,
    CONSTRAINT rate_group_agents_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id) ON DELETE CASCADE
);

CREATE TABLE recurring_charges (
    kind TEXT NOT NULL,
    object_id BIGINT NOT NULL,
    period_start TIMESTAMP WITH TIME ZONE NOT NULL,
    account_id BIGINT NOT NULL,
    source TEXT NOT NULL,
    amount NUMERIC(24, 10) DEFAULT 0 NOT NULL,
    currency VARCHAR(3) NOT NULL,
    balance_after NUMERIC(24, 10) NOT NULL,
    posting_id UUID,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT recurring_charges_pkey PRIMARY KEY (kind, object_id, period_start),
    CONSTRAINT recurring_charges_kind_check CHECK (kind IN ('package_rent','phone_rent','phone_minimum','package_minimum','account_minimum')),
    CONSTRAINT recurring_charges_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id) ON DELETE RESTRICT
);

CREATE INDEX recurring_charges_account_idx ON recurring_charges (account_id, at);

CREATE INDEX recurring_charges_at_idx ON recurring_charges (at);

CREATE TABLE package_orders (
    id BIGSERIAL NOT NULL,
    key TEXT NOT NULL,
    package_id BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    phone_id BIGINT,
    available_from TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE,
    priority INTEGER,
    on_insufficient TEXT DEFAULT 'wait_recharge' NOT NULL,
    rent_percent NUMERIC(7, 4) DEFAULT 100 NOT NULL,
    next_period_start TIMESTAMP WITH TIME ZONE,
    waiting_since TIMESTAMP WITH TIME ZONE,
    ended_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    memo TEXT DEFAULT '' NOT NULL,
    CONSTRAINT package_orders_pkey PRIMARY KEY (id),
    CONSTRAINT package_orders_on_insufficient_check CHECK (on_insufficient IN ('wait_recharge','wait_period','delete')),
    CONSTRAINT package_orders_rent_percent_check CHECK (rent_percent BETWEEN 0 AND 100),
    CONSTRAINT package_orders_key_key UNIQUE (key),
    CONSTRAINT package_orders_package_id_fkey FOREIGN KEY(package_id) REFERENCES packages (id) ON DELETE RESTRICT,
    CONSTRAINT package_orders_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id) ON DELETE RESTRICT,
    CONSTRAINT package_orders_phone_id_fkey FOREIGN KEY(phone_id) REFERENCES phones (id) ON DELETE RESTRICT
);

CREATE INDEX package_orders_account_idx ON package_orders (account_id);

CREATE INDEX package_orders_package_idx ON package_orders (package_id);

CREATE INDEX package_orders_due_idx ON package_orders (next_period_start)
    WHERE next_period_start IS NOT NULL;

CREATE TABLE phone_months (
    phone_id BIGINT NOT NULL,
    month DATE NOT NULL,
    consumed NUMERIC(24, 10) DEFAULT 0 NOT NULL,
    reserved NUMERIC(24, 10) DEFAULT 0 NOT NULL,
    CONSTRAINT phone_months_pkey PRIMARY KEY (phone_id, month),
    CONSTRAINT phone_months_reserved_check CHECK (reserved >= 0),
    CONSTRAINT phone_months_phone_id_fkey FOREIGN KEY(phone_id) REFERENCES phones (id) ON DELETE CASCADE
);

CREATE TABLE active_packages (
    id BIGSERIAL NOT NULL,
    order_id BIGINT NOT NULL,
    package_id BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    phone_id BIGINT,
    priority INTEGER,
    period_start TIMESTAMP WITH TIME ZONE NOT NULL,
    period_end TIMESTAMP WITH TIME ZONE NOT NULL,
    rent_paid NUMERIC(24, 10) DEFAULT 0 NOT NULL,
    gift_left NUMERIC(24, 10) DEFAULT 0 NOT NULL,
    gift_reserved NUMERIC(24, 10) DEFAULT 0 NOT NULL,
    consumption NUMERIC(24, 10) DEFAULT 0 NOT NULL,
    minimum_consumption NUMERIC(24, 10) DEFAULT 0 NOT NULL,
    effective_consumption NUMERIC(24, 10) DEFAULT 0 NOT NULL,
    closed_at TIMESTAMP WITH TIME ZONE,
    announced BOOLEAN DEFAULT false NOT NULL,
    CONSTRAINT active_packages_pkey PRIMARY KEY (id),
    CONSTRAINT active_packages_gift_left_check CHECK (gift_left >= 0),
    CONSTRAINT active_packages_gift_reserved_check CHECK (gift_reserved BETWEEN 0 AND gift_left),
    CONSTRAINT active_packages_order_id_period_start_key UNIQUE (order_id, period_start),
    CONSTRAINT active_packages_order_id_fkey FOREIGN KEY(order_id) REFERENCES package_orders (id) ON DELETE RESTRICT,
    CONSTRAINT active_packages_package_id_fkey FOREIGN KEY(package_id) REFERENCES packages (id) ON DELETE RESTRICT,
    CONSTRAINT active_packages_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id) ON DELETE RESTRICT,
    CONSTRAINT active_packages_phone_id_fkey FOREIGN KEY(phone_id) REFERENCES phones (id) ON DELETE RESTRICT
);

CREATE INDEX active_packages_account_idx ON active_packages (account_id);

CREATE INDEX active_packages_due_idx ON active_packages (period_end) WHERE closed_at IS NULL;

CREATE INDEX active_packages_news_idx ON active_packages (id) WHERE NOT announced;

CREATE TABLE active_free_seconds (
    id BIGSERIAL NOT NULL,
    active_package_id BIGINT NOT NULL,
    position SMALLINT NOT NULL,
    prefixes TEXT[] NOT NULL,
    start_s INTEGER NOT NULL,
    end_s INTEGER NOT NULL,
    cycle_s INTEGER NOT NULL,
    left_s INTEGER NOT NULL,
    reserved_s INTEGER DEFAULT 0 NOT NULL,
    CONSTRAINT active_free_seconds_pkey PRIMARY KEY (id),
    CONSTRAINT active_free_seconds_left_check CHECK (left_s >= 0),
    CONSTRAINT active_free_seconds_reserved_check CHECK (reserved_s BETWEEN 0 AND left_s),
    CONSTRAINT active_free_seconds_active_package_id_position_key UNIQUE (active_package_id, position),
    CONSTRAINT active_free_seconds_active_package_id_fkey FOREIGN KEY(active_package_id) REFERENCES active_packages (id) ON DELETE CASCADE
);

ALTER TABLE rate_groups
    ALTER COLUMN decimals DROP NOT NULL,
    ADD COLUMN section_mode TEXT DEFAULT 'increment' NOT NULL,
    ADD COLUMN boundary TEXT DEFAULT 'answer' NOT NULL,
    ADD COLUMN calendar_id BIGINT,
    ADD COLUMN owner_account_id BIGINT,
    ADD COLUMN rates_version BIGINT DEFAULT 0 NOT NULL,
    ADD COLUMN rate_count BIGINT DEFAULT 0 NOT NULL,
    ADD CONSTRAINT rate_groups_section_mode_check
        CHECK (section_mode IN ('increment','cumulative_step','cumulative_regular')),
    ADD CONSTRAINT rate_groups_boundary_check CHECK (boundary IN ('answer','split')),
    ADD CONSTRAINT rate_groups_calendar_id_fkey
        FOREIGN KEY (calendar_id) REFERENCES calendars (id) ON DELETE RESTRICT,
    ADD CONSTRAINT rate_groups_owner_account_id_fkey
        FOREIGN KEY (owner_account_id) REFERENCES accounts (id) ON DELETE RESTRICT;

ALTER TABLE rates ADD COLUMN sections TEXT DEFAULT '' NOT NULL;

ALTER TABLE accounts
    ADD COLUMN private_rate_group_id BIGINT,
    ADD COLUMN monthly_minimum NUMERIC(24, 10) DEFAULT 0 NOT NULL,
    ADD COLUMN billed_until TIMESTAMP WITH TIME ZONE,
    ADD CONSTRAINT accounts_monthly_minimum_check CHECK (monthly_minimum >= 0),
    ADD CONSTRAINT accounts_private_rate_group_id_fkey
        FOREIGN KEY (private_rate_group_id) REFERENCES rate_groups (id) ON DELETE RESTRICT;

CREATE INDEX accounts_parent_idx ON accounts (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX accounts_monthly_idx ON accounts (billed_until) WHERE monthly_minimum > 0;

ALTER TABLE mapping_gateways ADD COLUMN allow_phone_billing BOOLEAN DEFAULT false NOT NULL;

ALTER TABLE routing_gateways ADD COLUMN bill_sent_number BOOLEAN DEFAULT false NOT NULL;

ALTER TABLE calls
    ADD COLUMN payer_ids BIGINT[],
    ADD COLUMN payer_reserved NUMERIC(24, 10)[],
    ADD COLUMN free_ids BIGINT[] DEFAULT '{}' NOT NULL,
    ADD COLUMN free_reserved INTEGER[] DEFAULT '{}' NOT NULL,
    ADD COLUMN gift_ids BIGINT[] DEFAULT '{}' NOT NULL,
    ADD COLUMN gift_reserved NUMERIC(24, 10)[] DEFAULT '{}' NOT NULL,
    ADD COLUMN phone_id BIGINT,
    ADD COLUMN phone_month DATE,
    ADD COLUMN month_reserved NUMERIC(24, 10) DEFAULT 0 NOT NULL;
UPDATE calls SET payer_ids = ARRAY[account_id], payer_reserved = ARRAY[reserved];
ALTER TABLE calls
    ALTER COLUMN payer_ids SET NOT NULL,
    ALTER COLUMN payer_reserved SET NOT NULL,
    DROP COLUMN reserved;

ALTER TABLE cdrs ADD COLUMN phone TEXT DEFAULT '' NOT NULL;

-- Each party's part of a call: the same months as the records, and one partition that catches
-- what no month holds. Records of before get their lines, so that there is one truth.
CREATE TABLE cdr_charges_default PARTITION OF cdr_charges DEFAULT;
DO $$
DECLARE
    part record;
BEGIN
    FOR part IN
        SELECT c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bound
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'cdrs'::regclass AND c.relname <> 'cdrs_default'
    LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF cdr_charges %s',
            replace(part.name, 'cdrs_', 'cdr_charges_'), part.bound);
    END LOOP;
END $$;
INSERT INTO cdr_charges (call_id, started_at, party, account_id, prefix, billed_s, rated_s, net, tax,
    currency)
SELECT call_id, started_at, 0, account_id, rate_prefix, billed_s, least(duration_s, billed_s), net,
    tax, currency
FROM cdrs WHERE account_id IS NOT NULL AND currency <> '' AND duration_s > 0
UNION ALL
SELECT call_id, started_at, -1, cost_account_id, cost_prefix, duration_s, duration_s, cost, 0,
    cost_currency
FROM cdrs WHERE cost_account_id IS NOT NULL AND duration_s > 0;

-- Re-rating: what was asked for under a key, and the corrections of a call.
CREATE TABLE rerating_runs (
    key TEXT NOT NULL,
    wanted JSON NOT NULL,
    rates_at TIMESTAMP WITH TIME ZONE,
    began_at TIMESTAMP WITH TIME ZONE NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    corrected BIGINT DEFAULT 0 NOT NULL,
    CONSTRAINT rerating_runs_pkey PRIMARY KEY (key)
);

CREATE INDEX postings_corrections_idx ON postings (call_id) WHERE kind = 'correction';

INSERT INTO accounts (name, kind, currency)
SELECT role.name || ':' || c.currency, 'system', c.currency
FROM (VALUES ('resale'), ('gifts')) AS role(name), (SELECT DISTINCT currency FROM accounts) AS c
ON CONFLICT (name) DO NOTHING;

-- Rows that calls rewrite all the time: room on the page lets an update stay on it.
ALTER TABLE phone_months SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE active_packages SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE active_free_seconds SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

UPDATE rate_groups g SET rate_count = c.rows
FROM (SELECT rate_group_id, count(*) AS rows FROM rates GROUP BY 1) AS c WHERE c.rate_group_id = g.id;

-- A compiled index is kept for a version of a group's rates, whoever changes them; and pages
-- show how many there are.
CREATE FUNCTION rates_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE rate_groups g SET rates_version = g.rates_version + 1,
        rate_count = g.rate_count + c.rows * CASE TG_ARGV[0] WHEN 'came' THEN 1 ELSE -1 END
    FROM (SELECT rate_group_id, count(*) AS rows FROM changed GROUP BY 1) AS c
    WHERE g.id = c.rate_group_id;
    RETURN NULL;
END $$;
CREATE TRIGGER rates_inserted AFTER INSERT ON rates REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION rates_changed('came');
CREATE TRIGGER rates_updated AFTER UPDATE ON rates REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION rates_changed('came');
CREATE TRIGGER rates_moved AFTER UPDATE ON rates REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION rates_changed('went');
CREATE FUNCTION rates_emptied() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE rate_groups SET rates_version = rates_version + 1, rate_count = 0;
    RETURN NULL;
END $$;
CREATE TRIGGER rates_truncated AFTER TRUNCATE ON rates
    FOR EACH STATEMENT EXECUTE FUNCTION rates_emptied();
CREATE TRIGGER rates_deleted AFTER DELETE ON rates REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION rates_changed('went');

-- Monthly money that was not asked for before is due from the next month on, whoever sets it.
CREATE FUNCTION monthly_money_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.billed_until := now();
    RETURN NEW;
END $$;
CREATE TRIGGER account_minimum_begins BEFORE UPDATE ON accounts FOR EACH ROW
    WHEN (OLD.monthly_minimum = 0 AND NEW.monthly_minimum > 0)
    EXECUTE FUNCTION monthly_money_begins();
CREATE TRIGGER phone_money_begins BEFORE UPDATE ON phones FOR EACH ROW
    WHEN (OLD.monthly_minimum = 0 AND OLD.monthly_rent = 0
        AND (NEW.monthly_minimum > 0 OR NEW.monthly_rent > 0))
    EXECUTE FUNCTION monthly_money_begins();
