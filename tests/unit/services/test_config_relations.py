"""References between objects, removals, and what is refused while something is in use."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest

from controller.domain.configuration import CallParameters
from controller.domain.ledger import keyed_posting_id
from controller.services.config_as_code.checks import check_relations
from controller.services.config_as_code.describe import as_data, in_words
from controller.services.config_as_code.differences import Action, Difference, compare, result
from controller.services.config_as_code.guards import check_use, new_openings
from controller.services.config_as_code.model import (
    Lines,
    Opening,
    Section,
    State,
    StoredPosting,
)
from tests.unit.services.config_texts import SOUND, read

STORED = read(SOUND).wanted.state
NOTHING = State()


def relations(text: str, stored: State = NOTHING, *, prune: bool = False) -> list[str]:
    reading = read(text)
    assert reading.problems == ()
    after = result(stored, reading.wanted, prune=prune)
    found = check_relations(after, reading.wanted.lines)
    return [f"{'refused ' if problem.refused else ''}{problem}" for problem in found]


def difference(text: str, stored: State = STORED, *, prune: bool = False) -> Difference:
    return compare(stored, read(text).wanted, prune=prune)


def test_a_sound_file_fits_together() -> None:
    assert relations(SOUND) == []
    assert relations(SOUND, STORED, prune=True) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "accounts:\n  - {name: a, currency: USD, rate_group: gone}",
            "line 2: account a: there is no rate group 'gone'",
        ),
        (
            "rate_groups: [{name: g, currency: EUR}]\n"
            "accounts:\n  - name: a\n    currency: USD\n    rate_group: g",
            "line 5: account a is in USD, its rate group g in EUR",
        ),
        (
            "accounts:\n  - {name: a, currency: USD, parent: gone}",
            "line 2: account a: there is no account 'gone'",
        ),
        (
            "accounts:\n  - {name: p, currency: EUR}\n  - {name: a, currency: USD, parent: p}",
            "line 3: account a: is in USD, its parent p in EUR",
        ),
        (
            "accounts:\n  - {name: p, currency: USD, kind: clearing}\n"
            "  - {name: a, currency: USD, parent: p}",
            "line 3: account a: a clearing account has neither parent nor children",
        ),
        (
            "accounts:\n  - {name: a, currency: USD, parent: b}\n"
            "  - {name: b, currency: USD, parent: c}\n  - {name: c, currency: USD, parent: a}",
            "line 2: account a: its parents form a circle: a → b → c → a",
        ),
        (
            "accounts:\n  - {name: a, currency: USD, parent: a}",
            "line 2: account a: its parents form a circle: a → a",
        ),
        (
            "mapping_gateways:\n  - {name: g, account: gone, addresses: []}",
            "line 2: gateway g: there is no account 'gone'",
        ),
        (
            "accounts: [{name: v, currency: USD, kind: clearing}]\n"
            "mapping_gateways:\n  - {name: g, account: v, addresses: []}",
            "line 3: gateway g: v is a clearing account, which is for vendors",
        ),
        (
            "accounts: [{name: a, currency: USD}]\n"
            "routing_gateways:\n  - {name: g, clearing_account: a, host: 192.0.2.9}",
            "line 3: gateway g: a is not a clearing account",
        ),
        (
            "routes:\n  - {prefix: 39, gateway: gone}",
            "line 2: route 39: there is no routing gateway 'gone'",
        ),
        (
            "accounts: [{name: a, currency: USD}]\n"
            "mapping_gateways:\n  - {name: g, account: a, addresses: [192.0.2.1]}\n"
            "  - {name: h, account: a, addresses: ['192.0.2.1:5060', 192.0.2.1]}",
            "line 4: gateway h: address 192.0.2.1 belongs to gateway g",
        ),
    ],
)
def test_what_does_not_fit_together_is_named_with_its_line(text: str, expected: str) -> None:
    assert relations(text) == [expected]


def test_a_long_chain_of_parents_is_refused() -> None:
    accounts = [f"  - {{name: a{n}, currency: USD, parent: a{n + 1}}}" for n in range(30)]
    text = "\n".join(["accounts:", *accounts, "  - {name: a30, currency: USD}"])
    found = relations(text)
    assert found[0] == "line 2: account a0: more than 16 accounts above it"
    assert len(found) == 30 - 16


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "rate_groups:\n  - {name: cost, currency: USD}",
            "refused line 1: account acme: there is no rate group 'sell'",
        ),
        (
            "rate_groups:\n  - {name: sell, currency: EUR}\n  - {name: cost, currency: USD}",
            "line 2: account acme is in USD, its rate group sell in EUR",
        ),
        (
            "accounts:\n  - {name: vendor, kind: clearing, currency: USD}",
            "refused line 1: gateway acme-trunk: its account acme is closed",
        ),
        (
            "accounts:\n  - {name: acme, currency: USD}\n  - {name: vendor, currency: USD}",
            "line 3: gateway vendor-trunk: vendor is not a clearing account",
        ),
        ("routing_gateways: []", "refused line 1: route 39: there is no routing gateway"),
        (
            "mapping_gateways:\n  - {name: other, account: acme, addresses: [192.0.2.1]}",
            "",
        ),
    ],
)
def test_a_file_may_not_break_what_it_does_not_mention(text: str, expected: str) -> None:
    found = relations(text, STORED, prune=True)
    assert (found[0] if found else "").startswith(expected)
    assert bool(found) is bool(expected)


def test_an_address_of_a_kept_gateway_is_taken() -> None:
    text = "mapping_gateways:\n  - {name: other, account: acme, addresses: [192.0.2.1]}"
    assert relations(text, STORED) == [
        "refused line 2: gateway other: address 192.0.2.1 belongs to gateway acme-trunk"
        " (acme-trunk is not in the file; --prune would remove it)"
    ]


def test_the_same_file_again_is_no_difference() -> None:
    assert not difference(SOUND)
    assert not difference(SOUND, prune=True)
    assert difference(SOUND).kept == ()


def test_changed_fields_old_and_new() -> None:
    changed = difference(SOUND.replace("host: 192.0.2.9", "host: 192.0.2.8, capacity: 5"))
    assert list(in_words(changed)) == [
        "~ routing gateway vendor-trunk",
        "    host: 192.0.2.9 → 192.0.2.8",
        "    capacity: none → 5",
    ]
    (data,) = as_data(changed)["objects"]
    assert data["fields"] == [
        {"field": "host", "before": "192.0.2.9", "after": "192.0.2.8"},
        {"field": "capacity", "before": None, "after": 5},
    ]


def test_what_a_listed_section_leaves_out_is_kept_unless_pruned() -> None:
    text = "mapping_gateways: []\nroutes: [{prefix: 39, gateway: vendor-trunk}]\naccounts: []"
    kept = difference(text)
    assert not kept
    assert [change.name for change in kept.kept] == [
        "acme",
        "vendor",
        "acme-trunk",
        "44 via vendor-trunk",
    ]
    pruned = difference(text, prune=True)
    assert [(change.action, change.name) for change in pruned.objects] == [
        (Action.REMOVE, name) for name in ("acme", "vendor", "acme-trunk", "44 via vendor-trunk")
    ]
    assert "- account acme closed" in list(in_words(pruned))


def test_a_section_that_is_not_listed_is_left_alone() -> None:
    assert not difference("parameters: {}", prune=True)
    assert difference("parameters: {}", prune=True).kept == ()


def test_a_closed_account_is_reopened_by_naming_it_and_is_no_removal() -> None:
    closed = {**STORED.accounts, "old": replace(STORED.accounts["acme"], name="old", closed=True)}
    stored = replace(STORED, accounts=closed)
    assert not difference(SOUND, stored, prune=True)
    reopened = SOUND.replace(
        "{name: vendor,", "{name: old, currency: USD, rate_group: sell}\n  - {name: vendor,"
    )
    assert list(in_words(difference(reopened, stored))) == [
        "~ account old",
        "    closed: true → false",
    ]


def test_parameters_left_out_go_back_to_their_defaults() -> None:
    stored = replace(STORED, parameters=CallParameters(quantum_s=120, max_attempts=2))
    changed = difference("parameters: {max_attempts: 2}", stored)
    assert list(in_words(changed)) == ["~ parameter quantum_s: 120 → 60"]
    assert changed.new_parameters == CallParameters(max_attempts=2)


def test_many_routes_are_counted() -> None:
    text = "routes: [{gateway: vendor-trunk, prefixes: [1, 20, 30, 31, 32, 33, 39, 44]}]"
    assert list(in_words(difference(text)))[-1] == "+ … and 1 routes more added"


@dataclass
class InUse:
    """The part of `ConfigurationWork` that guards ask."""

    calls: frozenset[str] = frozenset()
    posted: frozenset[str] = field(default_factory=frozenset)
    history: str = ""

    def in_use(self, _section: Section) -> frozenset[str]:
        return self.calls

    def histories(self, _section: Section, names: Sequence[str]) -> dict[str, str]:
        return {name: self.history for name in names if self.history}

    def with_postings(self, accounts: Sequence[str]) -> frozenset[str]:
        return self.posted & set(accounts)


def refusals(text: str, use: InUse) -> list[str]:
    wanted = read(text).wanted
    change = compare(STORED, wanted, prune=True)
    found = check_use(use, wanted, change)  # type: ignore[arg-type]  # guards ask no more
    assert all(problem.refused for problem in found)
    return [str(problem) for problem in found]


def test_what_has_calls_is_not_removed() -> None:
    text = "accounts: []\nmapping_gateways: []\nrouting_gateways: []\nroutes: []"
    busy = InUse(calls=frozenset({"acme", "acme-trunk", "vendor-trunk"}))
    assert refusals(text, busy) == [
        "line 1: account acme has calls in progress and cannot be removed",
        "line 2: mapping gateway acme-trunk has calls in progress and cannot be removed",
        "line 3: routing gateway vendor-trunk has calls in progress and cannot be removed",
    ]
    assert refusals(text, InUse()) == []


def test_the_currency_and_kind_of_a_used_account_are_fixed() -> None:
    text = (
        "accounts:\n  - name: acme\n    currency: EUR\n    kind: clearing\n"
        "  - {name: vendor, kind: clearing, currency: USD, rate_group: cost}"
    )
    assert refusals(text, InUse(posted=frozenset({"acme"}))) == [
        "line 3: account acme has postings or calls: its currency is fixed",
        "line 4: account acme has postings or calls: its kind is fixed",
    ]
    assert refusals(text, InUse()) == []


OPENING = Opening(keyed_posting_id("acme-opening"), "acme", Decimal("100.5"), "first")


@pytest.mark.parametrize(
    ("stored", "new", "expected"),
    [
        (None, 1, ""),
        (StoredPosting(OPENING, "opening"), 0, ""),
        (StoredPosting(replace(OPENING, amount=Decimal("100.4999999999")), "opening"), 0,
         "line 12: opening posting of acme: was posted with 100.4999999999,"
         " the file says 100.5; postings never change"),
        (StoredPosting(replace(OPENING, account="other"), "opening"), 0,
         "line 12: opening posting of acme: was posted to account other"),
        (StoredPosting(replace(OPENING, memo="other"), "opening"), 0,
         "line 12: opening posting of acme: was posted with the memo 'other'"),
        (StoredPosting(OPENING, "payment"), 0,
         "line 12: opening posting of acme: its id is that of a posting of kind payment"),
    ],
)  # fmt: skip
def test_an_opening_posting_is_posted_once_and_never_changed(
    stored: StoredPosting | None, new: int, expected: str
) -> None:
    known = {stored.opening.posting_id: stored} if stored else {}
    openings, problems = new_openings(known, read(SOUND).wanted)
    assert len(openings) == new
    assert " ".join(map(str, problems)).startswith(expected)
    assert bool(problems) is bool(expected)


def test_lines_find_the_first_place_that_the_file_has() -> None:
    lines = Lines({("a",): 3, ("b", "c"): 5})
    assert (lines.find(("b",), ("b", "c"), ("a",)), lines.find(("x",))) == (5, 0)
