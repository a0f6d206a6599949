-- Second factors, what people see pages in, sessions with their origin, API tokens (docs/adr/0017).

ALTER TABLE users
    ADD COLUMN email TEXT DEFAULT '' NOT NULL,
    ADD COLUMN language TEXT DEFAULT '' NOT NULL,
    ADD COLUMN time_zone TEXT DEFAULT '' NOT NULL,
    ADD COLUMN must_change_password BOOLEAN DEFAULT false NOT NULL,
    ADD COLUMN totp_secret BYTEA,
    ADD COLUMN totp_enabled_at TIMESTAMP WITH TIME ZONE,
    ADD COLUMN totp_step BIGINT,
    ADD COLUMN revision BIGINT DEFAULT 1 NOT NULL;
CREATE INDEX users_account_idx ON users (account_id);
CREATE TRIGGER user_revision BEFORE UPDATE OF name, role, account_id, email, disabled ON users
    FOR EACH ROW EXECUTE FUNCTION next_revision();

ALTER TABLE web_sessions
    ADD COLUMN half BOOLEAN DEFAULT false NOT NULL,
    ADD COLUMN address TEXT DEFAULT '' NOT NULL,
    ADD COLUMN browser TEXT DEFAULT '' NOT NULL;
CREATE INDEX web_sessions_user_idx ON web_sessions (user_id);

CREATE TABLE recovery_codes (
    user_id BIGINT NOT NULL,
    code_hash BYTEA NOT NULL,
    CONSTRAINT recovery_codes_pkey PRIMARY KEY (user_id, code_hash),
    CONSTRAINT recovery_codes_user_id_fkey FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE TABLE old_passwords (
    id BIGSERIAL NOT NULL,
    user_id BIGINT NOT NULL,
    password_hash TEXT NOT NULL,
    CONSTRAINT old_passwords_pkey PRIMARY KEY (id),
    CONSTRAINT old_passwords_user_id_fkey FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX old_passwords_user_idx ON old_passwords (user_id, id);

CREATE TABLE api_tokens (
    id BIGSERIAL NOT NULL,
    user_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    token_hash BYTEA NOT NULL,
    scopes TEXT[] NOT NULL,
    networks CIDR[] DEFAULT '{}' NOT NULL,
    requests_per_minute INTEGER,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE,
    last_used_at TIMESTAMP WITH TIME ZONE,
    revoked_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT api_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT api_tokens_token_hash_key UNIQUE (token_hash),
    CONSTRAINT api_tokens_user_id_fkey FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT api_tokens_requests_per_minute_check CHECK (requests_per_minute > 0)
);
CREATE INDEX api_tokens_user_idx ON api_tokens (user_id, id);

-- the audit log's page is searched by these
CREATE INDEX audit_log_action_idx ON audit_log (action, id);
CREATE INDEX audit_log_at_idx ON audit_log (at);
CREATE INDEX audit_log_denied_idx ON audit_log (id) WHERE outcome = 'denied';
