-- What phones and gateways need to be kept by forms.

-- `locked`: may not call. `locked_in`: may not be called.
ALTER TABLE phones
    ADD COLUMN locked_in BOOLEAN DEFAULT false NOT NULL,
    ADD COLUMN revision BIGINT DEFAULT 1 NOT NULL;
ALTER TABLE mapping_gateways ADD COLUMN revision BIGINT DEFAULT 1 NOT NULL;
ALTER TABLE routing_gateways ADD COLUMN revision BIGINT DEFAULT 1 NOT NULL;

-- Counts what people change, so that a form can tell that its object was changed meanwhile. What
-- jobs keep on the row (`phones.billed_until`) does not count.
CREATE TRIGGER phone_revision BEFORE UPDATE OF number, account_id, rate_group_id, "authorization",
    locked, locked_in, monthly_minimum, monthly_maximum, monthly_rent, lines_in, lines_out,
    lines_total, memo, revision ON phones FOR EACH ROW EXECUTE FUNCTION next_revision();
-- lists, newest first
CREATE INDEX phones_created_idx ON phones (created_at, id);
CREATE TRIGGER mapping_gateway_revision BEFORE UPDATE ON mapping_gateways
    FOR EACH ROW EXECUTE FUNCTION next_revision();
CREATE TRIGGER routing_gateway_revision BEFORE UPDATE ON routing_gateways
    FOR EACH ROW EXECUTE FUNCTION next_revision();

-- A number is one phone's, as its own or as a DID: one key for both, whoever comes at once.
CREATE TABLE phone_numbers (
    number TEXT COLLATE "C" NOT NULL,
    phone_id BIGINT NOT NULL,
    is_did BOOLEAN NOT NULL,
    CONSTRAINT phone_numbers_pkey PRIMARY KEY (number),
    CONSTRAINT phone_numbers_phone_id_fkey FOREIGN KEY(phone_id) REFERENCES phones (id) ON DELETE CASCADE
);
CREATE INDEX phone_numbers_phone_idx ON phone_numbers (phone_id);
INSERT INTO phone_numbers (number, phone_id, is_did) SELECT number, id, false FROM phones;

CREATE FUNCTION phones_get_numbers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO phone_numbers (number, phone_id, is_did) SELECT number, id, false FROM added;
    RETURN NULL;
END $$;
CREATE TRIGGER phone_number AFTER INSERT ON phones
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION phones_get_numbers();

-- Digests of SIP passwords. The passwords themselves are nowhere.
CREATE TABLE phone_credentials (
    phone_id BIGINT NOT NULL,
    realm TEXT NOT NULL,
    md5 TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    set_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT phone_credentials_pkey PRIMARY KEY (phone_id),
    CONSTRAINT phone_credentials_phone_id_fkey FOREIGN KEY(phone_id) REFERENCES phones (id) ON DELETE CASCADE
);

-- Numbers that an account and all below it may have; none: those of the nearest above with some.
CREATE TABLE number_sections (
    account_id BIGINT NOT NULL,
    first_number TEXT NOT NULL,
    last_number TEXT NOT NULL,
    CONSTRAINT number_sections_pkey PRIMARY KEY (account_id, first_number, last_number),
    CONSTRAINT number_sections_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id) ON DELETE CASCADE,
    CONSTRAINT number_sections_order_check CHECK (length(first_number) = length(last_number)
        AND first_number COLLATE "C" <= last_number COLLATE "C")
);

-- Destinations that an account and all below it may call.
CREATE TABLE destination_rules (
    account_id BIGINT NOT NULL,
    prefix TEXT NOT NULL,
    allowed BOOLEAN NOT NULL,
    CONSTRAINT destination_rules_pkey PRIMARY KEY (account_id, prefix),
    CONSTRAINT destination_rules_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id) ON DELETE CASCADE
);
