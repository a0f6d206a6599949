"""Decks beside the live rates, and what each did to them.

Rows and changes come by the million, so they have no foreign key that would be checked for each;
a trigger removes them with their deck.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
)

from controller.persistence.schema.columns import (
    ZERO,
    Amount,
    Moment,
    flag,
    free_text,
    identity,
    metadata,
)

Percent = Numeric(7, 4)

staged_decks = Table(
    "staged_decks",
    metadata,
    identity(),
    Column("rate_group_id", ForeignKey("rate_groups.id", ondelete="CASCADE"), nullable=False),
    Column("origin", Text, nullable=False),
    free_text("file"),
    # rates that the deck leaves out end
    flag("replaces"),
    Column("state", Text, nullable=False),
    # in which the rows were checked
    Column("section_mode", Text, nullable=False),
    # none: at once when activated
    Column("effective_at", Moment),
    # from where on a price is absurd: money per minute, and percent of change
    Column("price_limit", Amount, nullable=False),
    Column("change_limit", Numeric(12, 4), nullable=False),
    Column("rows", Integer, nullable=False, server_default=ZERO),
    # wrong rows, and rows that overlap live rates
    Column("wrong", Integer, nullable=False, server_default=ZERO),
    Column("overlapping", Integer, nullable=False, server_default=ZERO),
    # the difference, and the version of the live rates that it is from; none: not compared
    Column("compared_version", BigInteger),
    Column("added", Integer, nullable=False, server_default=ZERO),
    Column("changed", Integer, nullable=False, server_default=ZERO),
    Column("removed", Integer, nullable=False, server_default=ZERO),
    Column("unchanged", Integer, nullable=False, server_default=ZERO),
    # of the live rates around the activation
    Column("version_before", BigInteger),
    Column("version_after", BigInteger),
    Column("staged_at", Moment, nullable=False),
    Column("activated_at", Moment),
    # rolled back or discarded
    Column("ended_at", Moment),
    CheckConstraint("origin IN ('staged','import','configuration')", name="origin"),
    CheckConstraint("state IN ('staged','active','rolled_back','discarded')", name="state"),
    CheckConstraint("(state = 'active') <= (activated_at IS NOT NULL)", name="activated"),
    Index("staged_decks_group_idx", "rate_group_id", "id"),
)

staged_deck_rows = Table(
    "staged_deck_rows",
    metadata,
    Column("deck_id", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    # of the file; several rows may come from one of its rows
    Column("row_number", Integer, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("area", Text, nullable=False),
    Column("rate_type", SmallInteger, nullable=False),
    Column("tiers", Text, nullable=False),
    Column("sections", Text, nullable=False),
    Column("tax_percent", Percent, nullable=False),
    Column("effective_from", Moment),
    Column("effective_to", Moment),
    Column("locked", flag("locked").type, nullable=False),
    PrimaryKeyConstraint("deck_id", "position"),
)

staged_deck_problems = Table(
    "staged_deck_problems",
    metadata,
    Column("deck_id", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    # 0: the deck as a whole
    Column("row_number", Integer, nullable=False),
    Column("message", Text, nullable=False),
    PrimaryKeyConstraint("deck_id", "position"),
)


def _image(side: str) -> list[Column[object]]:
    """A rate before or after; without a prefix of its own, for that stays."""
    return [
        Column(f"{side}_area", Text),
        Column(f"{side}_rate_type", SmallInteger),
        Column(f"{side}_tiers", Text),
        Column(f"{side}_sections", Text),
        Column(f"{side}_tax_percent", Percent),
        Column(f"{side}_effective_from", Moment),
        Column(f"{side}_effective_to", Moment),
        Column(f"{side}_locked", flag("locked").type),
        # of a call of 60 s, without tax
        Column(f"{side}_price", Amount),
    ]


deck_changes = Table(
    "deck_changes",
    metadata,
    Column("deck_id", BigInteger, nullable=False),
    # by prefix, then time
    Column("position", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("row_number", Integer),
    Column("prefix", Text, nullable=False),
    # the live rate that changes or ends, and the one that begins
    Column("rate_id", BigInteger),
    Column("new_rate_id", BigInteger),
    # where the live rate is kept until then
    Column("closes_at", Moment),
    *_image("before"),
    *_image("after"),
    Column("percent", Numeric),
    PrimaryKeyConstraint("deck_id", "position"),
    CheckConstraint("kind IN ('new','changed','gone')", name="kind"),
)
