"""The stored ticket: whoever settles from it gets the same figures."""

import json
from dataclasses import replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.domain.billing import Payer
from controller.domain.pricing import PeriodPrice, Pricing
from controller.domain.tariff import Tariff, Terms
from controller.domain.ticket import Ticket, TicketAttempt, ticket_from_json, ticket_to_json
from tests.unit.domain.builders import ended, leg_id, payer, settled, ticket
from tests.unit.domain.tariffs import tariffs, tax_percents, terms

multipliers = st.decimals(0, 3, places=3)
texts = st.text(max_size=20)
numbers = st.text("0123456789+*#", max_size=33)


@st.composite
def pricings(draw: st.DrawFn) -> Pricing:
    tariff: Tariff = draw(tariffs)
    at: Terms = draw(terms)
    return Pricing(draw(st.integers(1, 10**9)), draw(numbers), tariff, at, draw(tax_percents))


@st.composite
def payers(draw: st.DrawFn) -> Payer:
    """Payers with prices by period, and packages."""
    later = tuple(
        PeriodPrice(from_s, draw(numbers), draw(tariffs), draw(tax_percents), draw(multipliers))
        for from_s in sorted(draw(st.sets(st.integers(1, 2_000_000_000), max_size=3)))
    )
    special = replace(
        draw(pricings()),
        later=later,
        split=draw(st.booleans()),
        multiplier=draw(multipliers),
        group=draw(texts),
        source=draw(texts),
        package_id=draw(st.none() | st.integers(1, 99)),
    )
    return payer(
        draw(pricings()),
        special,
        account_id=draw(st.integers(1, 10**9)),
        name=draw(texts),
        packages=tuple(draw(st.lists(st.integers(1, 99), max_size=3))),
    )


@st.composite
def tickets(draw: st.DrawFn) -> Ticket:
    attempts = tuple(
        TicketAttempt(
            leg_id(number),
            draw(st.integers(1, 99)),
            draw(texts),
            draw(numbers),
            draw(numbers),
            cost,
        )
        for number, cost in enumerate(draw(st.lists(pricings(), min_size=1, max_size=3)))
    )
    return replace(
        ticket(),
        payers=tuple(draw(st.lists(payers(), min_size=1, max_size=3))),
        attempts=attempts,
        caller=draw(numbers),
        callee=draw(numbers),
        account=draw(texts),
        trace=tuple(draw(st.lists(st.tuples(texts, texts, texts), max_size=4))),
    )


def stored(original: Ticket) -> Ticket:
    return ticket_from_json(json.loads(json.dumps(ticket_to_json(original))))


@settings(max_examples=40)
@given(tickets())
def test_a_ticket_survives_storage(original: Ticket) -> None:
    assert stored(original) == original


@settings(max_examples=40)
@given(tickets(), st.none() | st.floats(0, 7_300), st.integers(1, 7_200), st.integers(0, 3))
def test_settlement_from_the_stored_ticket_is_identical(
    original: Ticket, talked_s: float | None, granted_s: int, leg: int
) -> None:
    end = ended(talked_s=talked_s, connected_leg=leg_id(leg), attempted_legs=(leg_id(leg),))
    assert settled(stored(original), end, granted_s) == settled(original, end, granted_s)


def test_amounts_are_stored_as_text_so_that_no_float_touches_them() -> None:
    def values(data: object) -> list[object]:
        if isinstance(data, dict):
            return [leaf for value in data.values() for leaf in values(value)]
        if isinstance(data, list | tuple):
            return [leaf for value in data for leaf in values(value)]
        return [data]

    leaves = values(ticket_to_json(ticket()))
    assert not any(isinstance(leaf, float | Decimal) for leaf in leaves)


def test_an_attempt_is_found_by_its_leg() -> None:
    made = ticket("alpha", "beta")
    assert made.attempt(made.attempts[1].leg_id) is made.attempts[1]
    assert made.attempt("") is None
    assert made.attempt(leg_id(99)) is None
