-- Which accounts a statement moved, without a plan that was made for a few and then compared each
-- of very many with every other: a change of 100,000 accounts at once never ended.

CREATE OR REPLACE FUNCTION accounts_moved() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moved bigint[];
    below bigint[];
BEGIN
    SELECT array_agg(id) INTO moved
    FROM (SELECT id, parent_id FROM after_ EXCEPT SELECT id, parent_id FROM before_) AS elsewhere;
    IF moved IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('account_tree'));
    SELECT array_agg(DISTINCT descendant_id) INTO below FROM account_tree
    WHERE ancestor_id = ANY(moved);
    DELETE FROM account_tree WHERE descendant_id = ANY(below);
    PERFORM grow_account_tree(below);
    RETURN NULL;
END $$;
