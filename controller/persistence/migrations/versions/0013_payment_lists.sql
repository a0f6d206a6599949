-- Which accounts a movement concerns, those of the platform left out: lists of payments go along
-- this, of one account or of the accounts of an agent. `kind` and `at` are the movement's.

CREATE TABLE movement_accounts (
    movement_id UUID NOT NULL,
    account_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT movement_accounts_pkey PRIMARY KEY (movement_id, account_id),
    CONSTRAINT movement_accounts_movement_id_fkey FOREIGN KEY(movement_id) REFERENCES movements (id) ON DELETE RESTRICT,
    CONSTRAINT movement_accounts_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id) ON DELETE RESTRICT
);
INSERT INTO movement_accounts (movement_id, account_id, kind, at)
SELECT m.id, a.id, m.kind, m.at
FROM movements m
JOIN (
    SELECT id, debit_account_id AS account_id FROM postings
    UNION ALL SELECT id, credit_account_id FROM postings
    UNION ALL SELECT o.id, n.id FROM movements o JOIN accounts n ON n.name = o.asked->>'account'
) AS concerned ON concerned.id = m.id
JOIN accounts a ON a.id = concerned.account_id AND a.kind <> 'system'
ON CONFLICT DO NOTHING;
CREATE INDEX movement_accounts_account_idx ON movement_accounts (account_id, at, movement_id);
CREATE TRIGGER movement_accounts_immutable BEFORE UPDATE OR DELETE ON movement_accounts
    FOR EACH ROW EXECUTE FUNCTION rows_are_immutable();
CREATE TRIGGER movement_accounts_not_truncated BEFORE TRUNCATE ON movement_accounts
    FOR EACH STATEMENT EXECUTE FUNCTION rows_are_immutable();

-- the few of one kind among very many
CREATE INDEX movements_kind_idx ON movements (kind, at, id);
