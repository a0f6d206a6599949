"""Number sections and destination rules of accounts: by people, by files, and at the same time."""

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from controller.cli.explain import explain_group
from controller.domain.errors import InvalidFields, NotAllowed, NotFound
from controller.domain.number_sections import NumberSections, limits, read_section
from controller.domain.rights import Right
from controller.persistence.account_store import PostgresAccountStore
from controller.persistence.phone_store import PostgresPhones
from controller.services.accounts.service import Accounts
from controller.services.phones import Phones
from tests.integration.command_line import run
from tests.integration.tenants import OPERATOR, Tenants

pytestmark = pytest.mark.postgres

SECTION = "88010000-88019999"
"""Of bd, and so of dhaka and shop below it."""


@pytest.fixture
def tenants(database_url: str, engine: sa.Engine, tmp_path: Path) -> Tenants:
    return Tenants(database_url, engine, tmp_path)


@pytest.fixture
def accounts(tenants: Tenants) -> Accounts:
    return Accounts(PostgresAccountStore(tenants.engine))


@pytest.fixture
def phones(tenants: Tenants) -> Phones:
    return Phones(PostgresPhones(tenants.engine))


def sections(*texts: str) -> dict[str, object]:
    return {"number_sections": list(texts)}


def fault(error: pytest.ExceptionInfo[InvalidFields], field: str) -> str:
    assert error.value.errors.keys() == {field}
    return error.value.errors[field]


def test_sections_lie_in_those_of_the_nearest_above(accounts: Accounts) -> None:
    accounts.change(OPERATOR, "dhaka", sections("88010000-88010999"))
    with pytest.raises(InvalidFields) as error:
        accounts.change(OPERATOR, "shop", sections("88010500-88011499", "7"))
    assert fault(error, "number_sections") == "7 is in no number section of dhaka"
    with pytest.raises(InvalidFields) as error:
        accounts.change(OPERATOR, "shop", sections("88010500-88011499"))
    assert fault(error, "number_sections") == "88011000-88011499 is in no number section of dhaka"
    accounts.change(OPERATOR, "shop", sections("88010500-88010599", "88010700"))
    # dhaka without sections of its own has bd's again: shop's lie in those too
    accounts.change(OPERATOR, "dhaka", sections())
    accounts.change(OPERATOR, "bd", sections())
    accounts.change(OPERATOR, "bd", sections("8801050-8801059", SECTION))


def test_narrowing_names_what_would_lie_outside(
    tenants: Tenants, accounts: Accounts, phones: Phones
) -> None:
    accounts.change(OPERATOR, "shop", sections("88010500-88010599"))
    phones.create(OPERATOR, {"number": "88011000", "account": "dhaka", "dids": ["88012000"]})
    before = tenants.everything
    with pytest.raises(InvalidFields) as error:
        accounts.change(OPERATOR, "bd", sections("88010000-88010549", "88011000"))
    said = fault(error, "number_sections")
    assert "account shop: 88010550-88010599 is in no number section of bd" in said
    assert "phone 88011000: 88012000 is in no number section of account bd" in said
    assert "88011000 is in" not in said
    assert tenants.everything == before


def test_an_account_that_had_none_is_narrowed_too(accounts: Accounts, phones: Phones) -> None:
    phones.create(OPERATOR, {"number": "55", "account": "cairo"})
    with pytest.raises(InvalidFields) as error:
        accounts.change(OPERATOR, "atlas", sections("60-69"))
    assert "phone 55: 55 is in no number section of account atlas" in fault(
        error, "number_sections"
    )


def test_an_account_moves_where_its_numbers_may_be(
    tenants: Tenants, accounts: Accounts, phones: Phones
) -> None:
    """With everything below it."""
    phones.create(OPERATOR, {"number": "55", "account": "cairo"})
    before = tenants.everything
    with pytest.raises(InvalidFields) as error:
        accounts.move(OPERATOR, "atlas", "bd")
    assert "phone 55: 55 is in no number section of account bd" in str(error.value)
    with pytest.raises(InvalidFields) as error:
        accounts.move(OPERATOR, "cairo", "dhaka")
    assert "55 is in no number section of account bd" in str(error.value)
    assert tenants.everything == before
    phones.delete(OPERATOR, "55")
    accounts.change(OPERATOR, "cairo", sections("44-49"))
    with pytest.raises(InvalidFields) as error:
        accounts.move(OPERATOR, "cairo", "bd")
    assert "44-49 is in no number section of bd" in str(error.value)
    accounts.change(OPERATOR, "cairo", sections("88010001"))
    accounts.move(OPERATOR, "cairo", "bd")


def test_an_agent_limits_those_below_and_not_itself(tenants: Tenants, accounts: Accounts) -> None:
    bd, dhaka = tenants.agent("bd"), tenants.agent("dhaka")
    accounts.change(
        bd, "dhaka", {**sections("88010000-88010999"), "destination_rules": "allow 880"}
    )
    accounts.change(bd, "shop", sections("88010001"))
    for field in ("number_sections", "destination_rules"):
        with pytest.raises(NotAllowed, match=field):
            accounts.change(dhaka, "dhaka", {field: []})
        with pytest.raises(NotFound):
            accounts.change(dhaka, "bd", {field: []})
        with pytest.raises(NotFound):
            accounts.change(bd, "cairo", {field: []})
        with pytest.raises(NotAllowed, match="accounts"):
            accounts.change(tenants.agent_without("bd", Right.ACCOUNTS), "shop", {field: []})
    assert (
        tenants.audit("denied")
        == [
            ("change", "account", "dhaka"),
            ("change", "account", "bd"),
            ("change", "account", "cairo"),
            ("change", "account", "shop"),
        ]
        * 2
    )


@pytest.mark.parametrize(
    ("values", "field", "said"),
    [
        (sections("10-9"), "number_sections", "must have as many"),
        (sections("x"), "number_sections", "is not a number"),
        (sections("1-2", "1-2"), "number_sections", "comes twice"),
        ({"destination_rules": "permit 1"}, "destination_rules", "is not a rule"),
        ({"destination_rules": ["allow 1", "deny 1"]}, "destination_rules", "both allowed and"),
        ({"destination_rules": "allow <b>"}, "destination_rules", "neither digits"),
        ({"destination_rules": ["allow 1"] * 6000}, "destination_rules", "more than 5000"),
        ({"destination_rules": {"allow": 1}}, "destination_rules", "expected"),
    ],
)
def test_what_is_no_limit(
    accounts: Accounts, values: dict[str, object], field: str, said: str
) -> None:
    with pytest.raises(InvalidFields) as error:
        accounts.change(OPERATOR, "solo", values)
    assert said in fault(error, field)


def test_a_file_says_the_same(tenants: Tenants) -> None:
    """And an export says it again."""
    text = tenants.export().out
    assert f"number_sections: [{SECTION}]" in text
    ruled = text.replace(
        f"number_sections: [{SECTION}]",
        f"number_sections: [{SECTION}, 7]\n    destination_rules: [allow +880, deny 88190, deny *]",
    )
    assert ruled != text
    assert tenants.apply(ruled).status == 0
    assert tenants.apply(ruled).out.startswith("no changes")
    assert 'destination_rules: ["deny *", allow 880, deny 88190]' in tenants.export().out
    rules = tenants.loaded.destination_rules[tenants.id_of("bd")]
    assert (rules.permits("8801"), rules.permits("881")) == (True, False)
    assert tenants.apply(text).status == 0
    assert tenants.loaded.destination_rules == {}
    assert tenants.export().out == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "accounts:\n  - {name: dhaka, currency: USD, parent: bd, rate_group: bd-sells,\n"
            "     number_sections: [88019000-88020999]}",
            "line 3: account dhaka: 88020000-88020999 is in no number section of bd",
        ),
        (
            "phones:\n  - {number: 88010001, account: shop}\n  - {number: 77, account: shop}",
            "line 3: phone 77: 77 is in no number section of account bd",
        ),
        (
            "phones:\n  - {number: 88010001, account: shop, dids: [88010002]}\n"
            "  - {number: 88010002, account: shop}",
            "line 2: phone 88010001: 88010002 is a phone",
        ),
        (
            "phones:\n  - {number: 88010001, account: shop, dids: [88010009]}\n"
            "  - {number: 88010002, account: shop, dids: [88010009]}",
            "line 3: phone 88010002: 88010009 is a DID of phone 88010001",
        ),
        (
            "accounts:\n  - {name: a, currency: USD, destination_rules: [allow 1, deny 1]}",
            "line 2: destination_rules: 1 is both allowed and denied",
        ),
        (
            "accounts:\n  - {name: a, currency: USD, number_sections: [1-]}",
            "line 2: number_sections: '' is not a number",
        ),
    ],
)
def test_a_files_faults_have_their_lines(tenants: Tenants, text: str, said: str) -> None:
    ran = tenants.apply(text)
    assert ran.status == 2
    assert said in ran.err


def test_numbers_change_hands_in_one_file(tenants: Tenants) -> None:
    """A phone's number becomes a DID, and a DID a phone, in the same application."""
    first = "phones:\n  - {number: 88010001, account: shop}\n"
    first += "  - {number: 88010002, account: shop, dids: [88010003]}\n"
    assert tenants.apply(first).status == 0
    second = "phones:\n  - {number: 88010003, account: shop}\n"
    second += "  - {number: 88010002, account: shop, dids: [88010001]}\n"
    ran = tenants.apply(second, "--prune")
    assert ran.status == 0, ran.err
    assert tenants.rows("SELECT number, is_did FROM phone_numbers ORDER BY number") == [
        ("88010001", True),
        ("88010002", False),
        ("88010003", False),
    ]


def test_narrowing_while_phones_are_made(
    tenants: Tenants, accounts: Accounts, phones: Phones
) -> None:
    """Whoever comes first: no number is left outside."""
    start = threading.Barrier(5)
    refused: list[str] = []

    def make(first: int) -> None:
        start.wait()
        for n in range(6):
            try:
                phones.create(OPERATOR, {"number": str(first + n), "account": "shop"})
            except InvalidFields:
                refused.append("phone")

    def narrow() -> None:
        start.wait()
        for last in (88014999, 88012999, 88010999):
            try:
                accounts.change(OPERATOR, "bd", sections(f"88010000-{last}"))
            except InvalidFields:
                refused.append("sections")

    threads = [threading.Thread(target=make, args=(88010000 + 1000 * n,)) for n in (0, 2, 4, 6)]
    threads.append(threading.Thread(target=narrow))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused
    stored = tenants.rows("SELECT first_number || '-' || last_number FROM number_sections")
    allowed = NumberSections(read_section(str(text)) for (text,) in stored)
    numbers = [str(number) for (number,) in tenants.rows("SELECT number FROM phone_numbers")]
    assert len(numbers) + refused.count("phone") == 24
    assert not [number for number in numbers if limits(allowed, number)]


def test_explain_call_names_the_account_and_the_rule(tenants: Tenants, accounts: Accounts) -> None:
    trunk = "mapping_gateways:\n  - {name: shop-trunk, account: shop, addresses: [192.0.2.1]}"
    assert tenants.apply(trunk).status == 0
    accounts.change(OPERATOR, "dhaka", {"destination_rules": "allow 880, allow 39"})
    accounts.change(OPERATOR, "bd", {"destination_rules": "deny 39021"})
    asked = ("call", "--from", "8801", "--source", "192.0.2.1", "--to")
    reply = run(explain_group, tenants.settings, *asked, "390212345678", "--json").json
    assert (reply["verdict"], reply["reason"], reply["sip_status"]) == (
        "refused",
        "destination_denied",
        403,
    )
    assert reply["detail"] == "account bd denies 39021: 390212345678"
    steps = [step for step in reply["trace"] if step["step"] == "destination"]
    assert [step["verdict"] for step in steps] == ["permitted", "refused: destination_denied"]
    told = run(explain_group, tenants.settings, *asked, "4470").out
    assert "the destination is not allowed" in told
    assert "account dhaka allows other destinations than 4470 only" in told
