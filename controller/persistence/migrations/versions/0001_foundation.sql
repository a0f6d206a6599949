CREATE TABLE call_attempts (
    leg_id UUID NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    call_id UUID NOT NULL,
    number SMALLINT NOT NULL,
    gateway TEXT NOT NULL,
    caller_sent TEXT DEFAULT '' NOT NULL,
    callee_sent TEXT DEFAULT '' NOT NULL,
    ringing_at TIMESTAMP WITH TIME ZONE,
    answered_at TIMESTAMP WITH TIME ZONE,
    ended_at TIMESTAMP WITH TIME ZONE NOT NULL,
    cause TEXT NOT NULL,
    q850 SMALLINT NOT NULL,
    sip_status SMALLINT NOT NULL,
    hangup_by_remote BOOLEAN DEFAULT false NOT NULL,
    CONSTRAINT call_attempts_pkey PRIMARY KEY (leg_id, started_at)
)
 PARTITION BY RANGE (started_at);

CREATE INDEX call_attempts_call_idx ON call_attempts (call_id);

CREATE TABLE calls (
    call_id UUID NOT NULL,
    switch_id TEXT NOT NULL,
    account_id BIGINT NOT NULL,
    mapping_gateway_id BIGINT NOT NULL,
    routing_gateway_ids BIGINT[] NOT NULL,
    reserved NUMERIC(24, 10) NOT NULL,
    granted_s INTEGER NOT NULL,
    offered_at TIMESTAMP WITH TIME ZONE NOT NULL,
    answered_at TIMESTAMP WITH TIME ZONE,
    caller TEXT DEFAULT '' NOT NULL,
    callee TEXT DEFAULT '' NOT NULL,
    ticket BYTEA NOT NULL,
    CONSTRAINT calls_pkey PRIMARY KEY (call_id)
);

CREATE INDEX calls_switch_idx ON calls (switch_id);

CREATE TABLE cdrs (
    call_id UUID NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    switch_id TEXT NOT NULL,
    sip_call_id TEXT DEFAULT '' NOT NULL,
    ringing_at TIMESTAMP WITH TIME ZONE,
    answered_at TIMESTAMP WITH TIME ZONE,
    ended_at TIMESTAMP WITH TIME ZONE NOT NULL,
    pdd_ms INTEGER,
    talk_ms BIGINT NOT NULL,
    duration_s INTEGER NOT NULL,
    billed_s INTEGER NOT NULL,
    source_ip TEXT DEFAULT '' NOT NULL,
    source_port INTEGER NOT NULL,
    caller_received TEXT DEFAULT '' NOT NULL,
    callee_received TEXT DEFAULT '' NOT NULL,
    caller_rated TEXT DEFAULT '' NOT NULL,
    callee_rated TEXT DEFAULT '' NOT NULL,
    caller_sent TEXT DEFAULT '' NOT NULL,
    callee_sent TEXT DEFAULT '' NOT NULL,
    account_id BIGINT,
    mapping_gateway TEXT DEFAULT '' NOT NULL,
    routing_gateway TEXT DEFAULT '' NOT NULL,
    attempts SMALLINT NOT NULL,
    rate_prefix TEXT DEFAULT '' NOT NULL,
    net NUMERIC(24, 10) NOT NULL,
    tax NUMERIC(24, 10) NOT NULL,
    currency TEXT DEFAULT '' NOT NULL,
    cost_account_id BIGINT,
    cost_prefix TEXT DEFAULT '' NOT NULL,
    cost NUMERIC(24, 10) NOT NULL,
    cost_currency TEXT DEFAULT '' NOT NULL,
    reason TEXT NOT NULL,
    cause TEXT DEFAULT '' NOT NULL,
    q850 SMALLINT NOT NULL,
    sip_status SMALLINT NOT NULL,
    ended_by TEXT NOT NULL,
    trace JSON NOT NULL,
    review TEXT DEFAULT '' NOT NULL,
    CONSTRAINT cdrs_pkey PRIMARY KEY (call_id, started_at)
)
 PARTITION BY RANGE (started_at);

CREATE INDEX cdrs_account_idx ON cdrs (account_id, started_at);

CREATE INDEX cdrs_started_idx ON cdrs (started_at);

CREATE TABLE configuration_state (
    singleton BOOLEAN DEFAULT true NOT NULL,
    version BIGINT DEFAULT 0 NOT NULL,
    parameters JSON DEFAULT '{}' NOT NULL,
    CONSTRAINT configuration_state_pkey PRIMARY KEY (singleton),
    CONSTRAINT configuration_state_one_row_check CHECK (singleton)
);

CREATE TABLE gateway_lines (
    side TEXT NOT NULL,
    gateway_id BIGINT NOT NULL,
    used INTEGER DEFAULT 0 NOT NULL,
    CONSTRAINT gateway_lines_pkey PRIMARY KEY (side, gateway_id),
    CONSTRAINT gateway_lines_used_check CHECK (used >= 0)
);

CREATE TABLE login_failures (
    subject TEXT NOT NULL,
    failures INTEGER NOT NULL,
    first_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT login_failures_pkey PRIMARY KEY (subject)
);

CREATE TABLE rate_groups (
    id BIGSERIAL NOT NULL,
    name TEXT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    decimals SMALLINT DEFAULT 6 NOT NULL,
    rounding TEXT DEFAULT 'half_up' NOT NULL,
    timezone TEXT DEFAULT 'UTC' NOT NULL,
    memo TEXT DEFAULT '' NOT NULL,
    CONSTRAINT rate_groups_pkey PRIMARY KEY (id),
    CONSTRAINT rate_groups_decimals_check CHECK (decimals BETWEEN 0 AND 10),
    CONSTRAINT rate_groups_name_key UNIQUE (name)
);

CREATE TABLE switches (
    switch_id TEXT NOT NULL,
    instance TEXT NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT switches_pkey PRIMARY KEY (switch_id)
);

CREATE TABLE accounts (
    id BIGSERIAL NOT NULL,
    name TEXT NOT NULL,
    title TEXT DEFAULT '' NOT NULL,
    kind TEXT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    parent_id BIGINT,
    rate_group_id BIGINT,
    overdraft_limit NUMERIC(24, 10) DEFAULT 0 NOT NULL,
    capacity INTEGER,
    locked BOOLEAN DEFAULT false NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE,
    closed_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    memo TEXT DEFAULT '' NOT NULL,
    CONSTRAINT accounts_pkey PRIMARY KEY (id),
    CONSTRAINT accounts_kind_check CHECK (kind IN ('ordinary','phone_card','clearing','system')),
    CONSTRAINT accounts_not_its_own_parent_check CHECK (parent_id <> id),
    CONSTRAINT accounts_overdraft_check CHECK (overdraft_limit >= 0),
    CONSTRAINT accounts_capacity_check CHECK (capacity >= 0),
    CONSTRAINT accounts_name_key UNIQUE (name),
    CONSTRAINT accounts_parent_id_fkey FOREIGN KEY(parent_id) REFERENCES accounts (id) ON DELETE RESTRICT,
    CONSTRAINT accounts_rate_group_id_fkey FOREIGN KEY(rate_group_id) REFERENCES rate_groups (id) ON DELETE RESTRICT
);

CREATE TABLE rates (
    id BIGSERIAL NOT NULL,
    rate_group_id BIGINT NOT NULL,
    prefix TEXT NOT NULL,
    area TEXT DEFAULT '' NOT NULL,
    rate_type SMALLINT DEFAULT 5 NOT NULL,
    tiers TEXT NOT NULL,
    tax_percent NUMERIC(7, 4) DEFAULT 0 NOT NULL,
    effective_from TIMESTAMP WITH TIME ZONE,
    effective_to TIMESTAMP WITH TIME ZONE,
    locked BOOLEAN DEFAULT false NOT NULL,
    CONSTRAINT rates_pkey PRIMARY KEY (id),
    CONSTRAINT rates_rate_group_id_fkey FOREIGN KEY(rate_group_id) REFERENCES rate_groups (id) ON DELETE CASCADE
);

CREATE UNIQUE INDEX rates_lookup_idx ON rates (rate_group_id, prefix, effective_from);

CREATE TABLE account_funds (
    account_id BIGINT NOT NULL,
    balance NUMERIC(24, 10) DEFAULT 0 NOT NULL,
    reserved NUMERIC(24, 10) DEFAULT 0 NOT NULL,
    lines INTEGER DEFAULT 0 NOT NULL,
    CONSTRAINT account_funds_pkey PRIMARY KEY (account_id),
    CONSTRAINT account_funds_reserved_check CHECK (reserved >= 0),
    CONSTRAINT account_funds_lines_check CHECK (lines >= 0),
    CONSTRAINT account_funds_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id) ON DELETE RESTRICT
);

CREATE TABLE mapping_gateways (
    id BIGSERIAL NOT NULL,
    name TEXT NOT NULL,
    account_id BIGINT NOT NULL,
    locked BOOLEAN DEFAULT false NOT NULL,
    capacity INTEGER,
    "authorization" SMALLINT DEFAULT 5 NOT NULL,
    codecs TEXT[] DEFAULT '{}' NOT NULL,
    t38 BOOLEAN DEFAULT false NOT NULL,
    rewrite_callee TEXT DEFAULT '' NOT NULL,
    rewrite_caller TEXT DEFAULT '' NOT NULL,
    max_duration_s INTEGER,
    memo TEXT DEFAULT '' NOT NULL,
    CONSTRAINT mapping_gateways_pkey PRIMARY KEY (id),
    CONSTRAINT mapping_gateways_name_key UNIQUE (name),
    CONSTRAINT mapping_gateways_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id) ON DELETE RESTRICT
);

CREATE TABLE postings (
    id UUID NOT NULL,
    kind TEXT NOT NULL,
    debit_account_id BIGINT NOT NULL,
    credit_account_id BIGINT NOT NULL,
    amount NUMERIC(24, 10) NOT NULL,
    currency VARCHAR(3) NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    call_id UUID,
    memo TEXT DEFAULT '' NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT postings_pkey PRIMARY KEY (id),
    CONSTRAINT postings_positive_check CHECK (amount > 0),
    CONSTRAINT postings_two_accounts_check CHECK (debit_account_id <> credit_account_id),
    CONSTRAINT postings_debit_account_id_fkey FOREIGN KEY(debit_account_id) REFERENCES accounts (id) ON DELETE RESTRICT,
    CONSTRAINT postings_credit_account_id_fkey FOREIGN KEY(credit_account_id) REFERENCES accounts (id) ON DELETE RESTRICT
);

CREATE INDEX postings_credit_idx ON postings (credit_account_id, at);

CREATE INDEX postings_debit_idx ON postings (debit_account_id, at);

CREATE TABLE routing_gateways (
    id BIGSERIAL NOT NULL,
    name TEXT NOT NULL,
    clearing_account_id BIGINT NOT NULL,
    host TEXT NOT NULL,
    port INTEGER DEFAULT 5060 NOT NULL,
    transport TEXT DEFAULT 'udp' NOT NULL,
    locked BOOLEAN DEFAULT false NOT NULL,
    prepaid BOOLEAN DEFAULT false NOT NULL,
    capacity INTEGER,
    prefix_mode TEXT DEFAULT 'terminate' NOT NULL,
    codecs TEXT[] DEFAULT '{}' NOT NULL,
    t38 BOOLEAN DEFAULT false NOT NULL,
    rewrite_callee TEXT DEFAULT '' NOT NULL,
    rewrite_caller TEXT DEFAULT '' NOT NULL,
    ring_timeout_s INTEGER DEFAULT 120 NOT NULL,
    progress_timeout_s INTEGER DEFAULT 20 NOT NULL,
    memo TEXT DEFAULT '' NOT NULL,
    CONSTRAINT routing_gateways_pkey PRIMARY KEY (id),
    CONSTRAINT routing_gateways_port_check CHECK (port BETWEEN 1 AND 65535),
    CONSTRAINT routing_gateways_transport_check CHECK (transport IN ('udp','tcp','tls')),
    CONSTRAINT routing_gateways_prefix_mode_check CHECK (prefix_mode IN ('terminate','continue')),
    CONSTRAINT routing_gateways_name_key UNIQUE (name),
    CONSTRAINT routing_gateways_clearing_account_id_fkey FOREIGN KEY(clearing_account_id) REFERENCES accounts (id) ON DELETE RESTRICT
);

CREATE TABLE users (
    id BIGSERIAL NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    account_id BIGINT,
    password_hash TEXT NOT NULL,
    disabled BOOLEAN DEFAULT false NOT NULL,
    failed_logins INTEGER DEFAULT 0 NOT NULL,
    locked_until TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    last_login_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_role_check CHECK (role IN ('administrator','agent','customer')),
    CONSTRAINT users_name_key UNIQUE (name),
    CONSTRAINT users_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id) ON DELETE RESTRICT
);

CREATE TABLE mapping_gateway_addresses (
    gateway_id BIGINT NOT NULL,
    ip INET NOT NULL,
    port INTEGER DEFAULT 0 NOT NULL,
    CONSTRAINT mapping_gateway_addresses_ip_port_key UNIQUE (ip, port),
    CONSTRAINT mapping_gateway_addresses_port_check CHECK (port BETWEEN 0 AND 65535),
    CONSTRAINT mapping_gateway_addresses_gateway_id_fkey FOREIGN KEY(gateway_id) REFERENCES mapping_gateways (id) ON DELETE CASCADE
);

CREATE TABLE routes (
    id BIGSERIAL NOT NULL,
    prefix TEXT NOT NULL,
    gateway_id BIGINT NOT NULL,
    priority INTEGER DEFAULT 100 NOT NULL,
    CONSTRAINT routes_pkey PRIMARY KEY (id),
    CONSTRAINT routes_prefix_gateway_id_key UNIQUE (prefix, gateway_id),
    CONSTRAINT routes_gateway_id_fkey FOREIGN KEY(gateway_id) REFERENCES routing_gateways (id) ON DELETE CASCADE
);

CREATE TABLE web_sessions (
    token_hash BYTEA NOT NULL,
    user_id BIGINT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT web_sessions_pkey PRIMARY KEY (token_hash),
    CONSTRAINT web_sessions_user_id_fkey FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);

-- Rows that calls rewrite all the time: room on the page lets an update stay on it.
ALTER TABLE account_funds SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE gateway_lines SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE calls SET (autovacuum_vacuum_scale_factor = 0.02);

-- Months are made ahead (persistence/partitions.py); these catch what no month holds, so that
-- a record is never refused.
CREATE TABLE cdrs_default PARTITION OF cdrs DEFAULT;
CREATE TABLE call_attempts_default PARTITION OF call_attempts DEFAULT;

-- A posting is never changed and never removed; a mistake is corrected by another posting.
CREATE FUNCTION postings_are_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'postings are immutable: add a correcting posting' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER postings_immutable BEFORE UPDATE OR DELETE ON postings
    FOR EACH ROW EXECUTE FUNCTION postings_are_immutable();
CREATE TRIGGER postings_not_truncated BEFORE TRUNCATE ON postings
    FOR EACH STATEMENT EXECUTE FUNCTION postings_are_immutable();

-- Everything that holds money or lines has its row from the start.
CREATE FUNCTION account_gets_funds() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO account_funds (account_id) VALUES (NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER account_funds_row AFTER INSERT ON accounts
    FOR EACH ROW EXECUTE FUNCTION account_gets_funds();

CREATE FUNCTION gateway_gets_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO gateway_lines (side, gateway_id) VALUES (TG_ARGV[0], NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER mapping_gateway_lines AFTER INSERT ON mapping_gateways
    FOR EACH ROW EXECUTE FUNCTION gateway_gets_lines('mapping');
CREATE TRIGGER routing_gateway_lines AFTER INSERT ON routing_gateways
    FOR EACH ROW EXECUTE FUNCTION gateway_gets_lines('routing');

-- Controllers listen: a new configuration version is loaded at once.
CREATE FUNCTION configuration_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('tollgate_configuration', NEW.version::text);
    RETURN NULL;
END $$;
CREATE TRIGGER configuration_notify AFTER UPDATE ON configuration_state
    FOR EACH ROW EXECUTE FUNCTION configuration_changed();
INSERT INTO configuration_state DEFAULT VALUES;
