-- Calls of accounts that may go on while the database is away.
ALTER TABLE accounts
    ADD COLUMN offline_calls INTEGER,
    ADD COLUMN offline_minutes INTEGER,
    ADD COLUMN offline_money NUMERIC(24, 10),
    ADD CONSTRAINT accounts_offline_check CHECK (
        num_nulls(offline_calls, offline_minutes, offline_money) IN (0, 3)
        AND offline_calls >= 1 AND offline_minutes BETWEEN 1 AND 60 AND offline_money > 0
    );

CREATE TABLE late_admissions (
    call_id UUID NOT NULL,
    switch_id TEXT NOT NULL,
    account_id BIGINT NOT NULL,
    offered_at TIMESTAMP WITH TIME ZONE NOT NULL,
    told_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT late_admissions_pkey PRIMARY KEY (call_id),
    CONSTRAINT late_admissions_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id) ON DELETE RESTRICT
);
