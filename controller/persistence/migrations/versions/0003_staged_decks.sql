-- Decks beside the live rates: staged, compared, activated, rolled back.

CREATE TABLE staged_decks (
    id BIGSERIAL NOT NULL,
    rate_group_id BIGINT NOT NULL,
    origin TEXT NOT NULL,
    file TEXT DEFAULT '' NOT NULL,
    replaces BOOLEAN DEFAULT false NOT NULL,
    state TEXT NOT NULL,
    section_mode TEXT NOT NULL,
    effective_at TIMESTAMP WITH TIME ZONE,
    price_limit NUMERIC(24, 10) NOT NULL,
    change_limit NUMERIC(12, 4) NOT NULL,
    rows INTEGER DEFAULT 0 NOT NULL,
    wrong INTEGER DEFAULT 0 NOT NULL,
    overlapping INTEGER DEFAULT 0 NOT NULL,
    compared_version BIGINT,
    added INTEGER DEFAULT 0 NOT NULL,
    changed INTEGER DEFAULT 0 NOT NULL,
    removed INTEGER DEFAULT 0 NOT NULL,
    unchanged INTEGER DEFAULT 0 NOT NULL,
    version_before BIGINT,
    version_after BIGINT,
    staged_at TIMESTAMP WITH TIME ZONE NOT NULL,
    activated_at TIMESTAMP WITH TIME ZONE,
    ended_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT staged_decks_pkey PRIMARY KEY (id),
    CONSTRAINT staged_decks_origin_check CHECK (origin IN ('staged','import','configuration')),
    CONSTRAINT staged_decks_state_check CHECK (state IN ('staged','active','rolled_back','discarded')),
    CONSTRAINT staged_decks_activated_check CHECK ((state = 'active') <= (activated_at IS NOT NULL)),
    CONSTRAINT staged_decks_rate_group_id_fkey FOREIGN KEY(rate_group_id) REFERENCES rate_groups (id) ON DELETE CASCADE
);

CREATE INDEX staged_decks_group_idx ON staged_decks (rate_group_id, id);

CREATE TABLE staged_deck_rows (
    deck_id BIGINT NOT NULL,
    position INTEGER NOT NULL,
    row_number INTEGER NOT NULL,
    prefix TEXT NOT NULL,
    area TEXT NOT NULL,
    rate_type SMALLINT NOT NULL,
    tiers TEXT NOT NULL,
    sections TEXT NOT NULL,
    tax_percent NUMERIC(7, 4) NOT NULL,
    effective_from TIMESTAMP WITH TIME ZONE,
    effective_to TIMESTAMP WITH TIME ZONE,
    locked BOOLEAN NOT NULL,
    CONSTRAINT staged_deck_rows_pkey PRIMARY KEY (deck_id, position)
);

CREATE TABLE staged_deck_problems (
    deck_id BIGINT NOT NULL,
    position INTEGER NOT NULL,
    row_number INTEGER NOT NULL,
    message TEXT NOT NULL,
    CONSTRAINT staged_deck_problems_pkey PRIMARY KEY (deck_id, position)
);

CREATE TABLE deck_changes (
    deck_id BIGINT NOT NULL,
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    row_number INTEGER,
    prefix TEXT NOT NULL,
    rate_id BIGINT,
    new_rate_id BIGINT,
    closes_at TIMESTAMP WITH TIME ZONE,
    before_area TEXT,
    before_rate_type SMALLINT,
    before_tiers TEXT,
    before_sections TEXT,
    before_tax_percent NUMERIC(7, 4),
    before_effective_from TIMESTAMP WITH TIME ZONE,
    before_effective_to TIMESTAMP WITH TIME ZONE,
    before_locked BOOLEAN,
    before_price NUMERIC(24, 10),
    after_area TEXT,
    after_rate_type SMALLINT,
    after_tiers TEXT,
    after_sections TEXT,
    after_tax_percent NUMERIC(7, 4),
    after_effective_from TIMESTAMP WITH TIME ZONE,
    after_effective_to TIMESTAMP WITH TIME ZONE,
    after_locked BOOLEAN,
    after_price NUMERIC(24, 10),
    percent NUMERIC,
    CONSTRAINT deck_changes_pkey PRIMARY KEY (deck_id, position),
    CONSTRAINT deck_changes_kind_check CHECK (kind IN ('new','changed','gone'))
);

-- By the million, so no foreign key is checked for each: they go with their deck.
CREATE FUNCTION staged_decks_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM staged_deck_rows WHERE deck_id IN (SELECT id FROM removed);
    DELETE FROM staged_deck_problems WHERE deck_id IN (SELECT id FROM removed);
    DELETE FROM deck_changes WHERE deck_id IN (SELECT id FROM removed);
    RETURN NULL;
END $$;
CREATE TRIGGER staged_decks_with_rows AFTER DELETE ON staged_decks REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION staged_decks_removed();
