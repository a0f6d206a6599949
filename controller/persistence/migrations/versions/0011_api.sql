-- Idempotency keys of the API, each with the answer that was given; kept for a day.
CREATE TABLE api_replies (
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    digest BYTEA NOT NULL,
    run UUID NOT NULL,
    begun_at TIMESTAMP WITH TIME ZONE NOT NULL,
    status INTEGER,
    headers JSON,
    body BYTEA,
    CONSTRAINT api_replies_pkey PRIMARY KEY (owner, key)
);
CREATE INDEX api_replies_begun_idx ON api_replies (begun_at);
