"""Routes, sell decks and cost decks on one walk: what is missing, and what is sold below cost."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain import coverage_walk
from controller.domain.coverage_walk import ROUTES, Gap, GapKind, Row, Seller, Vendor, Walk

SELL, COST, AGENT, PRIVATE = 1, 2, 3, 4


def route(prefix: str, vendor: int = 0) -> Row:
    return Row(prefix, ROUTES, vendor=vendor)


def rates(stream: int, **priced: int) -> list[Row]:
    """Written as `p39=60`: a minute to 39 costs 60, with and without tax. `p` is the catch-all."""
    return [
        Row(name[1:], stream, price, price, f"area {name[1:]}") for name, price in priced.items()
    ]


def walk(
    rows: Sequence[Row],
    sellers: Sequence[Seller] = (Seller((SELL,), "USD"),),
    vendors: Sequence[Vendor] = (Vendor(COST, "USD"),),
    *,
    cheapest: bool = True,
) -> list[Gap]:
    ordered = sorted(rows, key=lambda row: row.prefix)
    return list(Walk(sellers, vendors, cheapest=cheapest).gaps(ordered))


def told(gaps: list[Gap]) -> list[tuple[str, int, str]]:
    return sorted((gap.kind.value, gap.owner, gap.prefix) for gap in gaps)


class TestGaps:
    @pytest.mark.parametrize(
        ("rows", "found"),
        [
            pytest.param(
                [route("39"), *rates(SELL, p39=60), *rates(COST, p39=30)], [], id="complete"
            ),
            pytest.param([route("39"), *rates(COST, p39=30)], [("unsold", 0, "39")], id="unsold"),
            pytest.param(
                [*rates(SELL, p39=60)], [("unrouted", SELL, "39")], id="a rate without a route"
            ),
            pytest.param(
                [route("39"), *rates(SELL, p39=60)], [("uncosted", 0, "39")], id="no cost rate"
            ),
            pytest.param(
                [route("39"), *rates(SELL, p3906=60, p3902=60), *rates(COST, p3=30)],
                [],
                id="longer rates, a shorter cost",
            ),
            pytest.param(
                [route("3906"), *rates(SELL, p39=60), *rates(COST, p39=30)], [], id="longer route"
            ),
            pytest.param(
                [route(""), *rates(SELL, p39=60, p44=60), *rates(COST, p39=30)],
                [],
                id="a route for everything",
            ),
            pytest.param(
                [route("39"), *rates(SELL, p=60), *rates(COST, p39=30)],
                [],
                id="a rate for everything",
            ),
            pytest.param(
                [route("39"), route("40"), *rates(SELL, p390=1), *rates(COST, p391=1)],
                [("uncosted", 0, "40"), ("unsold", 0, "40")],
                id="siblings",
            ),
        ],
    )
    def test_what_is_missing(self, rows: list[Row], found: list[tuple[str, int, str]]) -> None:
        assert told(walk(rows)) == found

    def test_a_dead_vendor_is_no_route(self) -> None:
        rows = [route("39"), *rates(SELL, p39=60), *rates(COST, p39=30)]
        found = walk(rows, vendors=[Vendor(COST, "USD", dead=True)])
        assert told(found) == [("unrouted", SELL, "39")]

    def test_a_vendor_without_a_deck_and_one_that_bills_the_number_as_sent(self) -> None:
        rows = [route("39", 0), route("39", 1), *rates(SELL, p39=60)]
        vendors = [Vendor(None, "USD"), Vendor(COST, "USD", by_sent_number=True)]
        assert told(walk(rows, vendors=vendors)) == [("uncosted", 0, "39")]

    def test_an_agent_must_price_what_its_customers_are_sold(self) -> None:
        """The customer's 39 is priced by the agent's 3902 in part; 44 is not priced at all."""
        rows = [
            route("39"),
            route("44"),
            *rates(SELL, p39=60, p44=60),
            *rates(AGENT, p3902=50, p7=50),
            *rates(COST, p39=30, p44=30),
        ]
        sellers = [
            Seller((SELL,), "USD", agents=(1,), is_top=False),
            Seller((AGENT,), "USD", has_calls=False),
        ]
        (gap,) = walk(rows, sellers)
        assert (gap.kind, gap.owner, gap.other, gap.prefix) == (GapKind.CHAIN, 0, 1, "44")
        assert gap.area == "area 44"

    def test_several_decks_of_one_seller_sell_together(self) -> None:
        rows = [
            route("39"),
            route("44"),
            *rates(SELL, p39=60),
            *rates(PRIVATE, p44=60),
            *rates(COST, p39=30, p44=30),
        ]
        assert walk(rows, [Seller((PRIVATE, SELL), "USD")]) == []
        apart = walk(rows, [Seller((PRIVATE,), "USD"), Seller((SELL,), "USD")])
        assert told(apart) == [("unsold", 0, "39"), ("unsold", 1, "44")]

    def test_a_routed_destination_is_named_by_any_deck(self) -> None:
        (gap,) = walk([route("3906"), *rates(COST, p39=30)])
        assert (gap.kind, gap.area) == (GapKind.UNSOLD, "area 39")


class TestLosses:
    def losses(self, *args: object, **more: object) -> list[tuple[str, str, str]]:
        found = walk(*args, **more)  # type: ignore[arg-type]
        return [
            (gap.prefix, gap.sell.prefix, gap.cost.prefix)
            for gap in found
            if gap.kind is GapKind.LOSS and gap.sell and gap.cost
        ]

    def test_each_pair_once_where_it_meets_first(self) -> None:
        """39 is sold at 60; only 3906 costs more, however many routes lead there."""
        rows = [
            route("39"),
            route("390"),
            route("3906"),
            route("39061"),
            *rates(SELL, p39=60),
            *rates(COST, p39=30, p3906=70),
        ]
        assert self.losses(rows) == [("3906", "39", "3906")]

    def test_a_price_that_holds_again_behind_a_longer_one(self) -> None:
        rows = [
            route(""),
            *rates(SELL, p3=60, p390=90),
            *rates(COST, p3=30, p3901=95, p391=70),
        ]
        assert self.losses(rows) == [("3901", "390", "3901"), ("391", "3", "391")]

    def test_only_vendors_that_the_call_may_reach(self) -> None:
        """Of 39 the longer group ends the search; its cost is below the price."""
        rows = [route("3", 0), route("39", 1), *rates(SELL, p39=60)]
        rows += [*rates(COST, p3=99), *rates(AGENT, p39=30)]
        vendors = [Vendor(COST, "USD"), Vendor(AGENT, "USD")]
        assert self.losses(rows, vendors=vendors) == []
        goes_on = [Vendor(COST, "USD"), Vendor(AGENT, "USD", terminates=False)]
        assert self.losses(rows, vendors=goes_on) == [("39", "39", "3")]
        dead = [Vendor(COST, "USD"), Vendor(AGENT, "USD", dead=True)]
        assert self.losses(rows, vendors=dead) == [], "a dead gateway ends its group all the same"

    def test_tax_belongs_to_the_cost_and_not_to_the_price(self) -> None:
        rows = [route("39"), Row("39", SELL, 60, 90), Row("39", COST, 50, 61)]
        assert self.losses(rows) == [("39", "39", "39")]
        assert self.losses([route("39"), Row("39", SELL, 61), Row("39", COST, 50, 61)]) == []

    def test_currencies_are_not_compared(self) -> None:
        rows = [route("39"), *rates(SELL, p39=60), *rates(COST, p39=90)]
        assert self.losses(rows, vendors=[Vendor(COST, "EUR")]) == []

    @pytest.mark.parametrize(("cheapest", "lost"), [(True, [("39", "39", "39")]), (False, [])])
    def test_of_several_prices_the_one_that_holds(
        self, cheapest: bool, lost: list[tuple[str, str, str]]
    ) -> None:
        rows = [
            route("39"),
            *rates(PRIVATE, p39=90),
            *rates(SELL, p39=60),
            *rates(COST, p39=70),
        ]
        assert self.losses(rows, [Seller((PRIVATE, SELL), "USD")], cheapest=cheapest) == lost

    def test_what_an_agent_pays_is_compared_and_not_what_its_customer_pays(self) -> None:
        rows = [route("39"), *rates(SELL, p39=60), *rates(AGENT, p39=90), *rates(COST, p39=70)]
        sellers = [
            Seller((SELL,), "USD", agents=(1,), is_top=False),
            Seller((AGENT,), "USD", has_calls=False),
        ]
        assert self.losses(rows, sellers) == []

    def test_so_many_that_nobody_would_read_them(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(coverage_walk, "MOST_LOSSES", 2)
        rows = [route(""), *rates(SELL, p=1), *rates(COST, p1=2, p2=2, p3=2)]
        looking = Walk([Seller((SELL,), "USD")], [Vendor(COST, "USD")])
        found = list(looking.gaps(sorted(rows, key=lambda row: row.prefix)))
        assert len([gap for gap in found if gap.kind is GapKind.LOSS]) == 2
        assert not looking.all_losses_told


PREFIX = st.text("12", max_size=3)
DECK = st.dictionaries(PREFIX, st.integers(1, 4), max_size=8)


def longest(deck: dict[str, int], number: str) -> tuple[str, int] | None:
    found = max((p for p in deck if number.startswith(p)), key=len, default=None)
    return None if found is None else (found, deck[found])


@given(
    routes=st.lists(st.tuples(PREFIX, st.integers(0, 1)), max_size=8, unique=True),
    sell=DECK,
    costs=st.tuples(DECK, DECK),
    goes_on=st.booleans(),
)
def test_the_walk_finds_what_looking_up_every_number_finds(
    routes: list[tuple[str, int]],
    sell: dict[str, int],
    costs: tuple[dict[str, int], dict[str, int]],
    goes_on: bool,
) -> None:
    """Numbers routed and priced as calls are, against one walk. A number is like the longest
    prefix that is known of it, so the prefixes themselves are all numbers that there can be."""
    vendors = [Vendor(2, "USD"), Vendor(3, "USD", terminates=not goes_on)]
    rows = [route(prefix, vendor) for prefix, vendor in routes]
    for stream, deck in ((1, sell), (2, costs[0]), (3, costs[1])):
        rows += [Row(prefix, stream, price, price) for prefix, price in deck.items()]
    found = walk(rows, vendors=vendors)

    lost = set()
    for number in {row.prefix for row in rows}:
        price = longest(sell, number)
        for vendor in reached(routes, number, goes_on):
            cost = longest(costs[vendor], number)
            if price and cost and cost[1] > price[1]:
                lost.add((vendor, price[0], cost[0]))
    assert lost == {
        (gap.other, gap.sell.prefix, gap.cost.prefix) for gap in found if gap.sell and gap.cost
    }
    routed = {prefix for prefix, _ in routes}
    assert unlike(routed, set(sell)) == of_kind(found, GapKind.UNSOLD)
    assert unlike(set(sell), routed) == of_kind(found, GapKind.UNROUTED)


def of_kind(found: list[Gap], kind: GapKind) -> set[str]:
    return {gap.prefix for gap in found if gap.kind is kind}


def unlike(destinations: set[str], others: set[str]) -> set[str]:
    """Those of which none of the others is the beginning or the continuation."""
    return {d for d in destinations if not any(d.startswith(o) or o.startswith(d) for o in others)}


def reached(routes: list[tuple[str, int]], number: str, goes_on: bool) -> set[int]:
    """Vendors of a number, group after group (spec §6.2)."""
    found: set[int] = set()
    for length in range(len(number), -1, -1):
        group = {vendor for prefix, vendor in routes if prefix == number[:length]}
        found |= group
        if 0 in group or (1 in group and not goes_on):
            break
    return found
