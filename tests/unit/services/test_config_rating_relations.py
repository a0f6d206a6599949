"""Relations of agents' groups, periods, phones, packages and orders; and what is history."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from controller.domain.decks import DeckRow
from controller.domain.sections import SectionMode
from controller.services.config_as_code.checks import check_relations
from controller.services.config_as_code.describe import as_data, in_words
from controller.services.config_as_code.differences import Difference, compare, result
from controller.services.config_as_code.guards import check_use
from controller.services.config_as_code.model import Section, State
from controller.services.config_as_code.orders import resolve_orders
from controller.services.config_as_code.problems import Problems
from controller.services.config_as_code.section_modes import check_section_modes
from tests.unit.services.config_texts import RATED, read

NOTHING = State()


def state_of(text: str) -> State:
    wanted = read(text).wanted
    return resolve_orders(wanted, NOTHING, Problems()).state


STORED = state_of(RATED)
ENDED = replace(
    STORED,
    package_orders={
        key: replace(order, ended=True) for key, order in STORED.package_orders.items()
    },
)


def relations(text: str, stored: State = NOTHING, *, prune: bool = False) -> list[str]:
    reading = read(text)
    assert reading.problems == ()
    wanted = resolve_orders(reading.wanted, stored, Problems())
    after = result(stored, wanted, prune=prune)
    found = check_relations(after, wanted.lines)
    return [f"{'refused ' if problem.refused else ''}{problem}" for problem in found]


AGENCY = """\
rate_groups:
  - {name: wholesale, currency: USD}
  - {name: retail, currency: USD, owner: agent, agents: [agent]}
accounts:
  - {name: agent, currency: USD, rate_group: wholesale}
  - {name: sub-agent, currency: USD, parent: agent, rate_group: retail}
  - {name: customer, currency: USD, parent: sub-agent, private_rate_group: retail}
phones:
  - {number: 39021, account: customer, rate_group: retail}
"""


def test_files_that_fit_together() -> None:
    assert relations(RATED) == []
    assert relations(RATED, STORED, prune=True) == []
    assert relations(AGENCY) == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            "parent: agent, rate_group: retail",
            "rate_group: retail",
            "line 6: account sub-agent: rate group retail belongs to agent,"
            " which is not above sub-agent",
        ),
        (
            "name: agent, currency: USD, rate_group: wholesale",
            "name: agent, currency: USD, rate_group: retail",
            "line 5: account agent: rate group retail belongs to agent, which is not above agent",
        ),
        (
            "owner: agent, agents: [agent]",
            "owner: agent, agents: [gone]",
            "line 3: rate group retail: there is no account 'gone'",
        ),
        (
            "retail, currency: USD, owner: agent",
            "retail, currency: EUR, owner: agent",
            "line 3: rate group retail: is in EUR, its owner agent in USD",
        ),
        (
            "private_rate_group: retail",
            "private_rate_group: gone",
            "line 7: account customer: there is no rate group 'gone'",
        ),
        (
            "account: customer, rate_group: retail",
            "account: customer, rate_group: gone",
            "line 9: phone 39021: there is no rate group 'gone'",
        ),
        (
            "account: customer, rate_group: retail",
            "account: gone",
            "line 9: phone 39021: there is no account 'gone'",
        ),
        (
            "name: wholesale, currency: USD",
            "name: wholesale, currency: USD, calendar: gone",
            "line 2: rate group wholesale: there is no calendar 'gone'",
        ),
        (
            "name: wholesale, currency: USD",
            "name: wholesale, currency: USD, period_rates: [{rate_group: wholesale}]",
            "line 2: rate group wholesale: its own rates are no period's: name another rate group",
        ),
        (
            "name: wholesale, currency: USD",
            "name: wholesale, currency: USD, period_rates: [{rate_group: gone}]",
            "line 2: rate group wholesale: there is no rate group 'gone'",
        ),
        (
            "name: wholesale, currency: USD",
            "name: wholesale, currency: USD, period_rates: [{rate_group: retail}]",
            "line 2: rate group wholesale: its period's rate group retail belongs to agent",
        ),
    ],
)
def test_what_does_not_fit_an_agency(before: str, after: str, expected: str) -> None:
    found = relations(AGENCY.replace(before, after))
    assert expected in found


def test_currencies_of_private_groups_phones_and_periods() -> None:
    found = relations(
        """\
        rate_groups:
          - {name: dollar, currency: USD}
          - {name: euro, currency: EUR, period_rates: [{rate_group: dollar}]}
        accounts:
          - {name: a, currency: USD, private_rate_group: euro}
        phones:
          - {number: 39021, account: a, rate_group: euro}
        packages:
          - {name: p, currency: USD, period: day, period_rates: [{rate_group: euro}]}
          - {name: q, currency: EUR, period: day}
        package_orders:
          - {key: by-account, package: q, account: a, available_from: 2026-01-01}
          - {key: by-phone, package: q, phone: 39021, available_from: 2026-01-01}
        """
    )
    assert found == [
        "line 3: rate group euro: is in EUR, its period's rate group dollar in USD",
        "line 5: account a is in USD, its private rate group euro in EUR",
        "line 7: phone 39021 is in USD, its rate group euro in EUR",
        "line 9: package p: is in USD, its period's rate group euro in EUR",
        "line 12: package order by-account: package q is in EUR, account a in USD",
        "line 13: package order by-phone: package q is in EUR, account a in USD",
    ]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("package: gone, account: a", "there is no package 'gone'"),
        ("package: p, account: gone", "there is no account 'gone'"),
        ("package: p, account: v", "v is a clearing account, which is for vendors"),
        ("package: p, phone: 39021", "there is no phone '39021'"),
    ],
)
def test_an_order_needs_its_package_and_a_customer(order: str, expected: str) -> None:
    found = relations(
        f"""\
        accounts:
          - {{name: a, currency: USD}}
          - {{name: v, currency: USD, kind: clearing}}
        packages: [{{name: p, currency: USD, period: day}}]
        package_orders:
          - {{key: k, {order}, available_from: 2026-01-01}}
        """
    )
    assert found == [f"line 6: package order k: {expected}"]


def test_a_period_by_the_rates_of_another_group_of_the_same_agent() -> None:
    text = AGENCY.replace(
        "agents: [agent]}",
        "agents: [agent], period_rates: [{rate_group: night}]}\n"
        "  - {name: night, currency: USD, owner: agent}",
    )
    assert relations(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "packages: []",
            ["refused line 1: package order acme-europe: there is no package 'europe-500'"],
        ),
        ("package_orders: []\npackages: []", []),
        (
            "package_orders: []\nphones: []\nmapping_gateways: []\n"
            "accounts:\n  - {name: vendor, kind: clearing, currency: USD, rate_group: cost}",
            [],
        ),
        (
            "package_orders: []\nmapping_gateways: []\n"
            "accounts:\n  - {name: vendor, kind: clearing, currency: USD, rate_group: cost}",
            ["refused line 3: phone 390210001: its account acme is closed: lock the phone before"],
        ),
        (
            "phones: []\nmapping_gateways: []\n"
            "accounts:\n  - {name: vendor, kind: clearing, currency: USD, rate_group: cost}",
            ["refused line 3: package order acme-europe: its account acme is closed"],
        ),
        (
            "calendars: []\nrate_groups:\n"
            "  - {name: sell, currency: USD}\n  - {name: cost, currency: USD}",
            [],
        ),
    ],
)
def test_what_is_in_use_is_not_pruned(text: str, expected: list[str]) -> None:
    assert relations(text, STORED, prune=True) == expected


def test_a_group_in_use_names_its_users() -> None:
    text = RATED.replace("rate_groups:\n  - name: sell", "rate_groups:\n  - name: other").replace(
        "{days: [sat, sun], multiplier: 0.5}", "{days: [sat, sun], rate_group: sell}"
    )
    text = text.replace("account: acme, monthly_rent: 2.50", "account: acme, rate_group: sell")
    assert relations(text) == [
        "line 10: account acme: there is no rate group 'sell'",
        "line 25: phone 390210001: there is no rate group 'sell'",
        "line 34: package europe-500: there is no rate group 'sell'",
    ]


def test_a_locked_phone_stays_with_its_closed_account_as_history() -> None:
    phones = {n: replace(phone, locked=True) for n, phone in STORED.phones.items()}
    stored = replace(ENDED, phones=phones)
    text = (
        "mapping_gateways: []\naccounts:\n"
        "  - {name: vendor, kind: clearing, currency: USD, rate_group: cost}"
    )
    assert relations(text, stored, prune=True) == []
    closed = {**STORED.accounts, "acme": replace(STORED.accounts["acme"], closed=True)}
    after = replace(stored, accounts=closed)
    change = compare(after, read("phones: []\npackage_orders: []").wanted, prune=True)
    assert change.objects == ()
    assert change.kept == ()


@dataclass
class Stored:
    """The part of `ConfigurationWork` that guards and section modes ask."""

    history: dict[str, str] = field(default_factory=dict)
    rows: tuple[DeckRow, ...] = ()

    def in_use(self, _section: Section) -> frozenset[str]:
        return frozenset()

    def histories(self, _section: Section, names: Sequence[str]) -> dict[str, str]:
        return {name: self.history[name] for name in names if name in self.history}

    def with_postings(self, _accounts: Sequence[str]) -> frozenset[str]:
        return frozenset()

    def deck_rows(self, _group: str) -> Sequence[DeckRow]:
        return self.rows


def change_to(text: str, stored: State = STORED, *, prune: bool = True) -> Difference:
    return compare(stored, resolve_orders(read(text).wanted, stored, Problems()), prune=prune)


def refusals(text: str, stored: State = STORED, history: dict[str, str] | None = None) -> list[str]:
    wanted = resolve_orders(read(text).wanted, stored, Problems())
    change = compare(stored, wanted, prune=True)
    found = check_use(Stored(history or {}), wanted, change)  # type: ignore[arg-type]  # guards ask no more
    assert all(problem.refused for problem in found)
    return [str(problem) for problem in found]


def test_what_has_a_history_is_not_removed_and_what_to_do_is_said() -> None:
    history = {
        "390210001": "has months of charges",
        "europe-500": "has periods that still run",
        "acme-europe": "has opened periods",
    }
    text = "phones: []\npackages: []\npackage_orders: []"
    assert refusals(text, history=history) == [
        "line 2: package europe-500 has periods that still run and cannot be removed:"
        " it can be when they have ended",
        "line 1: phone 390210001 has months of charges and cannot be removed:"
        " lock it, and set its monthly amounts to 0",
        "line 3: package order acme-europe has opened periods and cannot be removed:"
        " end it with 'tollgate packages cancel acme-europe'",
    ]
    assert refusals(text) == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            "available_from: 2026-01-01",
            "available_from: 2026-02-01",
            "line 36: package order acme-europe: its available_from is fixed:"
            " 2026-01-01T00:00:00Z, the file says 2026-02-01T00:00:00Z",
        ),
        (
            "account: acme, available",
            "phone: 390210001, available",
            "line 36: package order acme-europe: its account is fixed: acme, the file says none",
        ),
        (
            "package: europe-500, account",
            "package: other, account",
            "line 36: package order acme-europe: its package is fixed:"
            " europe-500, the file says other",
        ),
    ],
)
def test_an_order_stays_what_was_ordered(before: str, after: str, expected: str) -> None:
    text = RATED.replace(before, after)
    assert text != RATED
    assert refusals(text)[0] == expected


def test_an_order_may_change_what_its_next_period_is_asked() -> None:
    text = RATED.replace(
        "available_from: 2026-01-01",
        "available_from: 2026-01-01, priority: 1, expires_at: 2027-01-01, rent_percent: 50",
    )
    assert refusals(text) == []
    assert list(in_words(change_to(text))) == [
        "~ package order acme-europe",
        "    expires_at: none → 2027-01-01T00:00:00Z",
        "    priority: none → 1",
        "    rent_percent: 100 → 50",
    ]


def test_an_order_that_is_over_is_neither_placed_again_nor_changed_nor_removed() -> None:
    assert not change_to(RATED, ENDED)
    assert not change_to("package_orders: []", ENDED)
    assert change_to("package_orders: []", ENDED, prune=False).kept == ()
    longer = RATED.replace("2026-01-01}", "2026-01-01, expires_at: 2027-01-01}")
    assert refusals(longer, ENDED) == [
        "line 36: package order acme-europe is over: place another one, with its own key"
    ]


ROME = "parameters: {timezone: Europe/Rome}\n"


@pytest.mark.parametrize(
    ("text", "stored", "expected"),
    [
        ("2026-07-01", "UTC", datetime(2026, 7, 1, tzinfo=UTC)),
        ("2026-07-01", "Europe/Rome", datetime(2026, 6, 30, 22, tzinfo=UTC)),
        ("2026-07-01T12:00+05:00", "Europe/Rome", datetime(2026, 7, 1, 7, tzinfo=UTC)),
        # where clocks skip midnight, the day begins an hour later
        ("2026-04-24", "Africa/Cairo", datetime(2026, 4, 23, 22, tzinfo=UTC)),
    ],
)
def test_dates_of_orders_are_the_platforms(text: str, stored: str, expected: datetime) -> None:
    """The zone is the file's where it says parameters, else the stored one."""
    order = f"package_orders: [{{key: k, package: p, account: a, available_from: {text}}}]"
    zoned = replace(NOTHING, parameters=replace(NOTHING.parameters, timezone=stored))
    for wanted in (
        resolve_orders(read(order).wanted, zoned, Problems()),
        resolve_orders(
            read(f"parameters: {{timezone: {stored}}}\n{order}").wanted, NOTHING, Problems()
        ),
    ):
        assert wanted.state.package_orders["k"].available_from == expected


def test_a_local_time_that_is_no_moment_and_an_end_before_the_beginning() -> None:
    problems = Problems()
    text = ROME + (
        "package_orders:\n"
        "  - {key: k, package: p, account: a, available_from: 2026-03-29T02:30}\n"
        "  - {key: m, package: p, account: a, available_from: 2026-07-01,"
        " expires_at: 2026-06-30T22:00Z}\n"
    )
    resolve_orders(read(text).wanted, NOTHING, problems)
    assert [str(problem) for problem in problems.sorted()] == [
        "line 3: available_from: 2026-03-29T02:30:00 is not one moment in Europe/Rome:"
        " write the offset",
        "line 4: expires_at is not after available_from",
    ]


def test_stored_sections_must_make_sense_in_a_new_reading() -> None:
    rows = (
        DeckRow("39", "0|0:0.05/60/60", sections="60:0.1;60:0.2"),
        DeckRow("44", "0|0:0.05/60/60"),
    )
    text = "rate_groups:\n  - name: sell\n    currency: USD\n    section_mode: cumulative_step"
    wanted = read(text).wanted
    change = compare(STORED, wanted, prune=False)
    found = check_section_modes(Stored(rows=rows), wanted, change)  # type: ignore[arg-type]  # it asks no more
    assert [str(problem) for problem in found] == [
        "line 4: rate group sell: stored rate 39: section 2 (60:0.2):"
        " is not longer than 60 s before it"
    ]
    stored = replace(
        STORED,
        rate_groups={
            **STORED.rate_groups,
            "sell": replace(STORED.rate_groups["sell"], section_mode=SectionMode.CUMULATIVE_STEP),
        },
    )
    back = compare(stored, read(RATED).wanted, prune=False)
    assert list(check_section_modes(Stored(rows=rows), read(RATED).wanted, back)) == []  # type: ignore[arg-type]  # it asks no more


def test_lists_are_shown_by_their_entries_and_long_ones_by_what_changed() -> None:
    text = RATED.replace("{days: [sat, sun], multiplier: 0.5}", "{rate_group: sell}")
    assert list(in_words(change_to(text))) == [
        "~ package europe-500",
        "    period_rates: sat+sun 00:00-24:00 times 0.5 → every day 00:00-24:00 rate group sell",
    ]
    (data,) = as_data(change_to(text))["objects"]
    assert data["fields"][0]["before"] == ["sat+sun 00:00-24:00 times 0.5"]
    days = "".join(f"\n      - {{day: 2027-01-{n:02}, kind: special}}" for n in range(1, 12))
    calendar = RATED.replace("kind: special, memo: Christmas}", f"kind: working}}{days}")
    shown = list(in_words(change_to(calendar)))
    assert shown[:2] == [
        "~ calendar italy",
        "    days: 2026-12-25 special removed; 2026-12-25 working, 2027-01-01 special,"
        " 2027-01-02 special, 2027-01-03 special, 2027-01-04 special, 2027-01-05 special,"
        " 2027-01-06 special, 2027-01-07 special and 4 more added",
    ]


def test_many_phones_are_counted() -> None:
    phones = "".join(f"\n  - {{number: {n}, account: acme}}" for n in range(100, 130))
    shown = list(in_words(change_to(f"phones:{phones}", prune=False)))
    assert shown[19:] == [
        "+ phone 119",
        "+ … and 10 phones more added",
        "  phone 390210001 is not in the file and is kept (--prune removes it)",
    ]
