"""Statements that compare a deck with the live rates, carry it out, and take it back.

`{rows}` is where the deck's rows are: kept in `staged_deck_rows`, or for one transaction in
`loading_deck_rows`. `{pairs}` is `PAIRS`. `:at` is when a deck takes effect; null: at once.
"""

KEPT_ROWS = "staged_deck_rows"
LOADING_ROWS = "loading_deck_rows"

LOADING_TABLE = """
CREATE TEMPORARY TABLE IF NOT EXISTS loading_deck_rows (LIKE staged_deck_rows) ON COMMIT DROP
"""

COPY_ROWS = """
COPY {rows} (deck_id, position, row_number, prefix, area, rate_type, tiers, sections, tax_percent,
    effective_from, effective_to, locked) FROM STDIN
"""

# One rate for each prefix and beginning; an open beginning compares like the earliest time.
#
# With a date, only what is left from then on counts, and a prefix switches from its live rates to
# the deck's when the deck's first one begins (at the date, or later where the row says so): live
# rates that have begun by then end there, later ones go. Without `replaces`, only live rates of
# the deck's prefixes take part.
PAIRS = """
WITH staged AS (
    SELECT row_number, prefix, area, rate_type, tiers, sections, tax_percent,
        greatest(effective_from, CAST(:at AS timestamptz)) AS effective_from,
        effective_to, locked
    FROM {rows} WHERE deck_id = :deck
        AND (effective_to > CAST(:at AS timestamptz)) IS NOT FALSE
), switches AS (
    SELECT prefix, CASE WHEN CAST(:at AS timestamptz) IS NOT NULL THEN min(effective_from) END
        AS switch_at
    FROM staged GROUP BY prefix
), live AS (
    SELECT rates.*, coalesce(switch_at, CAST(:at AS timestamptz)) AS switch_at
    FROM rates LEFT JOIN switches ON switches.prefix = rates.prefix
    WHERE rate_group_id = :group_id AND (:replaces OR switches.prefix IS NOT NULL)
        AND (effective_to > coalesce(switch_at, CAST(:at AS timestamptz))) IS NOT FALSE
), paired AS (
    SELECT coalesce(n.prefix, o.prefix) AS prefix, n.row_number, o.id AS rate_id, o.switch_at,
        o.id IS NULL AS is_new, n.prefix IS NULL AS is_gone,
        (coalesce(o.effective_from, '-infinity') < o.switch_at) IS TRUE AS begun,
        (o.area, o.rate_type, o.tiers, o.sections, o.tax_percent, o.locked) IS DISTINCT FROM
            (n.area, n.rate_type, n.tiers, n.sections, n.tax_percent, n.locked) AS differs,
        o.effective_to IS DISTINCT FROM n.effective_to AS ends_elsewhere,
        o.area AS before_area, o.rate_type AS before_rate_type, o.tiers AS before_tiers,
        o.sections AS before_sections, o.tax_percent AS before_tax_percent,
        o.effective_from AS before_effective_from, o.effective_to AS before_effective_to,
        o.locked AS before_locked,
        n.area AS after_area, n.rate_type AS after_rate_type, n.tiers AS after_tiers,
        n.sections AS after_sections, n.tax_percent AS after_tax_percent,
        n.effective_from AS after_effective_from, n.effective_to AS after_effective_to,
        n.locked AS after_locked
    FROM staged n FULL JOIN live o ON o.prefix = n.prefix
        AND coalesce(greatest(o.effective_from, o.switch_at), '-infinity')
            = coalesce(n.effective_from, '-infinity')
), pairs AS (
    SELECT paired.*,
        CASE
            WHEN is_new THEN 'new'
            WHEN is_gone THEN CASE WHEN :replaces OR switch_at IS NOT NULL THEN 'gone' END
            WHEN differs OR ends_elsewhere THEN 'changed'
        END AS kind,
        -- a rate that has begun keeps its price until the switch; if only its end moves, it stays
        is_new OR (begun AND differs AND NOT is_gone) AS begins,
        CASE WHEN begun AND (is_gone OR differs) THEN switch_at END AS closes_at
    FROM paired
)
"""

COUNT_PAIRS = """
{pairs}
SELECT count(*) FILTER (WHERE kind = 'new') AS added,
    count(*) FILTER (WHERE kind = 'changed') AS changed,
    count(*) FILTER (WHERE kind = 'gone') AS removed FROM pairs
"""

PAIR_EXAMPLES = """
{pairs}
SELECT prefix, before_tiers, after_tiers FROM pairs
WHERE kind IS NOT NULL
ORDER BY prefix COLLATE "C", coalesce(after_effective_from, before_effective_from) NULLS FIRST
LIMIT :limit
"""

# every price of either side once: what a minute costs is worked out for texts, not for rates
PRICE_TEXTS = """
SELECT DISTINCT tiers, sections FROM {rows} WHERE deck_id = :deck
UNION SELECT DISTINCT tiers, sections FROM rates WHERE rate_group_id = :group_id
    AND (:replaces OR prefix IN (SELECT prefix FROM {rows} WHERE deck_id = :deck))
"""

PRICES_TABLE = """
CREATE TEMPORARY TABLE IF NOT EXISTS minute_prices (
    tiers text NOT NULL, sections text NOT NULL, price numeric(24, 10) NOT NULL
) ON COMMIT DROP
"""

CLEAR_PRICES = "TRUNCATE minute_prices"

COPY_PRICES = "COPY minute_prices (tiers, sections, price) FROM STDIN"

FORGET_CHANGES = "DELETE FROM deck_changes WHERE deck_id = :deck"

WRITE_CHANGES = """
{pairs}, placed AS (
    SELECT pairs.*, b.price AS before_price, a.price AS after_price, row_number() OVER (
        ORDER BY prefix COLLATE "C",
            coalesce(after_effective_from, before_effective_from) NULLS FIRST
    ) AS position
    FROM pairs
    LEFT JOIN minute_prices b ON b.tiers = before_tiers AND b.sections = before_sections
    LEFT JOIN minute_prices a ON a.tiers = after_tiers AND a.sections = after_sections
    WHERE kind IS NOT NULL
)
INSERT INTO deck_changes (deck_id, position, kind, row_number, prefix, rate_id, new_rate_id,
    closes_at, before_area, before_rate_type, before_tiers, before_sections, before_tax_percent,
    before_effective_from, before_effective_to, before_locked, before_price, after_area,
    after_rate_type, after_tiers, after_sections, after_tax_percent, after_effective_from,
    after_effective_to, after_locked, after_price, percent)
SELECT :deck, position, kind, row_number, prefix, rate_id,
    CASE WHEN begins THEN nextval('rates_id_seq') END, closes_at,
    before_area, before_rate_type, before_tiers, before_sections, before_tax_percent,
    before_effective_from, before_effective_to, before_locked, before_price,
    after_area, after_rate_type, after_tiers, after_sections, after_tax_percent,
    CASE WHEN begins OR kind = 'gone' THEN after_effective_from ELSE before_effective_from END,
    after_effective_to, after_locked, after_price,
    round((after_price - before_price) * 100 / nullif(before_price, 0), 2)
FROM placed ORDER BY position
"""

COUNT_CHANGES = """
SELECT count(*) FILTER (WHERE kind = 'new') AS added,
    count(*) FILTER (WHERE kind = 'changed') AS changed,
    count(*) FILTER (WHERE kind = 'gone') AS removed,
    (SELECT count(*) FROM {rows} WHERE deck_id = :deck AND effective_to <= :at) AS ended
FROM deck_changes WHERE deck_id = :deck
"""

# against live rates that stay: those of the deck's prefixes that are no pair of one of its rows
OVERLAPS = """
SELECT n.row_number, n.prefix, o.effective_from, o.effective_to
FROM {rows} n JOIN rates o ON o.rate_group_id = :group_id AND o.prefix = n.prefix
WHERE n.deck_id = :deck
    AND tstzrange(o.effective_from, o.effective_to) && tstzrange(n.effective_from, n.effective_to)
    AND NOT EXISTS (SELECT FROM {rows} s WHERE s.deck_id = :deck AND s.prefix = o.prefix
        AND coalesce(s.effective_from, '-infinity') = coalesce(o.effective_from, '-infinity'))
ORDER BY n.row_number LIMIT 1000
"""

ACTIVATE = (
    """
DELETE FROM rates r USING deck_changes c
WHERE c.deck_id = :deck AND c.rate_id = r.id AND c.kind = 'gone' AND c.closes_at IS NULL
""",
    """
UPDATE rates r SET effective_to = c.closes_at FROM deck_changes c
WHERE c.deck_id = :deck AND c.rate_id = r.id AND c.closes_at IS NOT NULL
""",
    """
UPDATE rates r SET area = c.after_area, rate_type = c.after_rate_type, tiers = c.after_tiers,
    sections = c.after_sections, tax_percent = c.after_tax_percent,
    effective_to = c.after_effective_to, locked = c.after_locked
FROM deck_changes c
WHERE c.deck_id = :deck AND c.rate_id = r.id AND c.kind = 'changed' AND c.closes_at IS NULL
""",
    """
INSERT INTO rates (id, rate_group_id, prefix, area, rate_type, tiers, sections, tax_percent,
    effective_from, effective_to, locked)
SELECT new_rate_id, :group_id, prefix, after_area, after_rate_type, after_tiers, after_sections,
    after_tax_percent, after_effective_from, after_effective_to, after_locked
FROM deck_changes WHERE deck_id = :deck AND new_rate_id IS NOT NULL ORDER BY position
""",
)

UNDO = (
    """
DELETE FROM rates r USING deck_changes c WHERE c.deck_id = :deck AND c.new_rate_id = r.id
""",
    """
UPDATE rates r SET area = c.before_area, rate_type = c.before_rate_type, tiers = c.before_tiers,
    sections = c.before_sections, tax_percent = c.before_tax_percent,
    effective_to = c.before_effective_to, locked = c.before_locked
FROM deck_changes c
WHERE c.deck_id = :deck AND c.rate_id = r.id AND (c.kind = 'changed' OR c.closes_at IS NOT NULL)
""",
    """
INSERT INTO rates (id, rate_group_id, prefix, area, rate_type, tiers, sections, tax_percent,
    effective_from, effective_to, locked)
SELECT rate_id, :group_id, prefix, before_area, before_rate_type, before_tiers, before_sections,
    before_tax_percent, before_effective_from, before_effective_to, before_locked
FROM deck_changes WHERE deck_id = :deck AND kind = 'gone' AND closes_at IS NULL ORDER BY position
""",
)

# the deck's rates that are not as it left them
DISTURBED = """
SELECT c.prefix FROM deck_changes c
LEFT JOIN rates r ON r.id = coalesce(c.new_rate_id, c.rate_id)
WHERE c.deck_id = :deck AND CASE
    WHEN c.kind = 'gone' AND c.closes_at IS NULL THEN r.id IS NOT NULL
    WHEN c.kind = 'gone' THEN r.effective_to IS DISTINCT FROM c.closes_at
    ELSE (r.prefix, r.area, r.rate_type, r.tiers, r.sections, r.tax_percent, r.effective_from,
            r.effective_to, r.locked)
        IS DISTINCT FROM (c.prefix, c.after_area, c.after_rate_type, c.after_tiers,
            c.after_sections, c.after_tax_percent, c.after_effective_from, c.after_effective_to,
            c.after_locked)
    END
ORDER BY c.position LIMIT :limit
"""

# changes are kept of a group's newest decks that were activated; what waits keeps its own
FORGET_OLD_CHANGES = """
DELETE FROM deck_changes WHERE deck_id IN (
    SELECT id FROM staged_decks WHERE rate_group_id = :group_id AND activated_at IS NOT NULL
    ORDER BY activated_at DESC, id DESC OFFSET :kept)
"""

RATES_VERSION = "SELECT rates_version FROM rate_groups WHERE id = :group_id"
