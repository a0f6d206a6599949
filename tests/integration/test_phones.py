"""Phones as people keep them: values, rights, scope, revisions, numbers that are one phone's."""

import hashlib
import threading
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from controller.domain.errors import Conflict, InvalidFields, NotAllowed, NotFound, Stale
from controller.domain.rates import RateType
from controller.domain.rights import Right
from controller.persistence.phone_store import PostgresPhones
from controller.services.phones import (
    NewPhone,
    PhoneQuery,
    PhoneRange,
    PhoneRow,
    Phones,
    PhoneSort,
    read_phone_csv,
)
from tests.integration.tenants import OPERATOR, Tenants

pytestmark = pytest.mark.postgres


@pytest.fixture
def tenants(database_url: str, engine: sa.Engine, tmp_path: Path) -> Tenants:
    return Tenants(database_url, engine, tmp_path)


@pytest.fixture
def phones(tenants: Tenants) -> Phones:
    return Phones(PostgresPhones(tenants.engine))


def errors_of(error: pytest.ExceptionInfo[InvalidFields]) -> dict[str, str]:
    return error.value.errors


def test_a_phone_from_a_form(tenants: Tenants, phones: Phones) -> None:
    version = tenants.version
    made = phones.create(
        OPERATOR,
        {
            "number": " 88010001 ",
            "account": "shop",
            "rate_group": "bd-sells",
            "authorization": "domestic",
            "dids": "88010101\n88010102",
            "locked": "false",
            "locked_in": True,
            "monthly_rent": "2.50",
            "monthly_minimum": Decimal("1"),
            "lines_total": 2,
            "lines_in": "",
            "memo": "<b>front desk</b>",
        },
    )
    spec = made.record.spec
    assert (spec.number, spec.account, spec.rate_group) == ("88010001", "shop", "bd-sells")
    assert spec.authorization is RateType.DOMESTIC
    assert spec.dids == ("88010101", "88010102")
    assert (spec.locked, spec.locked_in) == (False, True)
    assert (spec.monthly_rent, spec.monthly_minimum) == (Decimal("2.5"), Decimal(1))
    assert (spec.lines_total, spec.lines_in, spec.memo) == (2, None, "<b>front desk</b>")
    assert made.record.password_set_at is not None
    assert phones.get(OPERATOR, "88010001") == made.record
    assert tenants.version == version + 1
    assert tenants.loaded.phones["88010001"].account_id == tenants.id_of("shop")
    assert tenants.audit() == [("create", "phone", "88010001")]


def test_a_password_is_told_once_and_kept_as_digests(tenants: Tenants, phones: Phones) -> None:
    made = phones.create(OPERATOR, {"number": "88010001", "account": "shop"})
    assert len(set(made.password)) > 5
    assert len(made.password) >= 20
    assert made.password not in repr(made)
    ((realm, md5, sha256),) = tenants.rows("SELECT realm, md5, sha256 FROM phone_credentials")
    secret = f"88010001:{realm}:{made.password}".encode()
    assert md5 == hashlib.md5(secret).hexdigest()  # noqa: S324 - as SIP phones compute it
    assert sha256 == hashlib.sha256(secret).hexdigest()
    stored = [tenants.rows(f"SELECT t::text FROM {t} t") for t in ("phones", "audit_log")]  # noqa: S608
    assert made.password not in str(stored)
    assert str(md5) not in str(stored)

    again = phones.new_password(OPERATOR, "88010001", "Correct-Horse-9", made.record.revision)
    assert again.password == "Correct-Horse-9"
    assert again.record.revision > made.record.revision
    assert tenants.rows("SELECT changes->>'password' FROM audit_log ORDER BY id")[-1] == (
        '["(hidden)","(hidden)"]',
    )


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("short", "12 to 64 characters"),
        ("x" * 65, "12 to 64 characters"),
        ("aaaaaaaaaaaaab", "6 different"),
        ("my-88010001-phone", "the phone's number"),
        ("with space inside", "ASCII"),
        ("schlüssel-12345", "ASCII"),
        ("tab\tinside-12345", "ASCII"),
        (123456789012345, "is text"),
    ],
)
def test_weak_passwords_are_refused(phones: Phones, password: object, said: str) -> None:
    values = {"number": "88010001", "account": "shop", "password": password}
    with pytest.raises(InvalidFields) as error:
        phones.create(OPERATOR, values)
    assert said in errors_of(error)["password"]


def test_every_wrong_field_is_named_and_nothing_is_saved(tenants: Tenants, phones: Phones) -> None:
    before = tenants.everything
    with pytest.raises(InvalidFields) as error:
        phones.create(
            OPERATOR,
            {
                "number": "88x'; DROP TABLE phones",
                "account": "shop",
                "dids": ["1", {"a": 1}],
                "monthly_rent": 2.5,
                "monthly_minimum": "-1",
                "lines_in": "many",
                "locked": "perhaps",
                "memo": "nul \x00",
                "surprise": 1,
            },
        )
    wrong = {"number", "dids", "monthly_rent", "monthly_minimum", "lines_in", "locked", "memo"}
    assert errors_of(error).keys() == {*wrong, "surprise"}
    with pytest.raises(InvalidFields) as error:
        phones.create(OPERATOR, {"number": "88010001", "account": "gone", "rate_group": "gone"})
    assert errors_of(error) == {"account": "there is no account 'gone'"}
    assert tenants.everything == before
    assert tenants.audit() == []


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"account": "vendor"}, {"account": "vendor is a clearing account, which is for vendors"}),
        ({"rate_group": "gone"}, {"rate_group": "there is no rate group 'gone'"}),
        (
            {"rate_group": "euro"},
            {"rate_group": "phone 88010001 is in USD, its rate group euro in EUR"},
        ),
        ({"number": "99"}, {"number": "99 is in no number section of account bd"}),
        ({"dids": ["99"]}, {"dids": "99 is in no number section of account bd"}),
        ({"dids": ["88010001"]}, {"dids": "88010001 is the phone's own"}),
    ],
)
def test_a_phone_fits_its_account(phones: Phones, values: dict[str, object], said: object) -> None:
    with pytest.raises(InvalidFields) as error:
        phones.create(OPERATOR, {"number": "88010001", "account": "shop", **values})
    assert errors_of(error) == said


def test_a_number_is_one_phones(phones: Phones) -> None:
    phones.create(OPERATOR, {"number": "88010001", "account": "shop", "dids": ["88010002"]})
    for values in ({"number": "88010001"}, {"number": "88010002"}):
        with pytest.raises(InvalidFields) as error:
            phones.create(OPERATOR, {"account": "shop", **values})
        assert errors_of(error) == {"number": f"the number {values['number']} is taken"}
    for did in ("88010001", "88010002"):
        with pytest.raises(InvalidFields) as error:
            phones.create(OPERATOR, {"number": "88010003", "account": "shop", "dids": [did]})
        assert errors_of(error) == {"dids": f"the number {did} is taken"}
    phones.change(OPERATOR, "88010001", {"dids": []})
    phones.create(OPERATOR, {"number": "88010002", "account": "shop"})


def test_the_same_number_twice_at_once(tenants: Tenants, phones: Phones) -> None:
    """As a phone by some, as a DID by others: one of them has it."""
    outcomes: list[str] = []
    start = threading.Barrier(8)

    def make(position: int) -> None:
        start.wait()
        own = {"number": "88010001"} if position % 2 else {"number": f"8801100{position}"}
        dids = [] if position % 2 else ["88010001"]
        try:
            phones.create(OPERATOR, {**own, "account": "shop", "dids": dids})
            outcomes.append("made")
        except InvalidFields as error:
            outcomes.append("taken" if "is taken" in str(error) else str(error))

    threads = [threading.Thread(target=make, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made"] + ["taken"] * 7
    assert tenants.rows("SELECT count(*) FROM phone_numbers WHERE number = '88010001'") == [(1,)]


def test_the_database_itself_keeps_numbers_apart(tenants: Tenants, phones: Phones) -> None:
    """Also from a hand that asks no service."""
    phones.create(OPERATOR, {"number": "88010001", "account": "shop", "dids": ["88010002"]})
    with pytest.raises(sa.exc.IntegrityError):
        tenants.execute(
            "INSERT INTO phones (number, account_id) VALUES ('88010002', :a)",
            a=tenants.id_of("shop"),
        )


def test_a_change_names_only_what_changes(tenants: Tenants, phones: Phones) -> None:
    made = phones.create(OPERATOR, {"number": "88010001", "account": "shop", "memo": "old"})
    changed = phones.change(OPERATOR, "88010001", {"memo": "new"}, made.record.revision)
    assert changed.spec.memo == "new"
    assert changed.revision == made.record.revision + 1
    with pytest.raises(Stale, match=r"changed by ops at .*\(memo\)"):
        phones.change(OPERATOR, "88010001", {"memo": "newer"}, made.record.revision)
    same = phones.change(OPERATOR, "88010001", {"memo": "new"}, changed.revision)
    assert same.revision == changed.revision
    assert len(tenants.audit()) == 2
    with pytest.raises(InvalidFields, match="keeps its number"):
        phones.change(OPERATOR, "88010001", {"number": "88010009"})


def test_a_phone_moves_within_what_its_number_allows(tenants: Tenants, phones: Phones) -> None:
    phones.create(OPERATOR, {"number": "88010001", "account": "shop"})
    assert phones.move(OPERATOR, "88010001", "dhaka").spec.account == "dhaka"
    assert phones.move(OPERATOR, "88010001", "solo").spec.account == "solo"
    phones.create(OPERATOR, {"number": "77", "account": "solo"})
    with pytest.raises(InvalidFields) as error:
        phones.move(OPERATOR, "77", "shop")
    assert errors_of(error) == {"number": "77 is in no number section of account bd"}
    with pytest.raises(InvalidFields) as error:
        phones.move(OPERATOR, "77", "europe")
    assert "is in EUR" in errors_of(error)["account"]
    assert ("move", "phone", "88010001") in tenants.audit()


def test_what_has_a_history_stays(tenants: Tenants, phones: Phones) -> None:
    phones.create(OPERATOR, {"number": "88010001", "account": "shop"})
    phones.create(OPERATOR, {"number": "88010002", "account": "shop", "dids": ["88010003"]})
    tenants.execute(
        "INSERT INTO phone_months (phone_id, month, consumed)"
        " SELECT id, '2026-01-01', 1 FROM phones WHERE number = '88010001'"
    )
    with pytest.raises(Conflict, match="has months of charges: lock it instead"):
        phones.delete(OPERATOR, "88010001")
    phones.delete(OPERATOR, "88010002")
    with pytest.raises(NotFound):
        phones.get(OPERATOR, "88010002")
    assert tenants.rows("SELECT number FROM phone_numbers") == [("88010001",)]
    assert tenants.rows("SELECT count(*) FROM phone_credentials") == [(1,)]


def test_an_agent_keeps_the_phones_of_its_own_tree(tenants: Tenants, phones: Phones) -> None:
    bd = tenants.agent("bd")
    phones.create(bd, {"number": "88010001", "account": "shop", "rate_group": "given"})
    phones.create(bd, {"number": "88010002", "account": "bd"})
    phones.create(OPERATOR, {"number": "55", "account": "cairo"})
    assert [row.number for row in phones.page(bd, PhoneQuery()).rows] == ["88010001", "88010002"]
    shop = tenants.customer("shop")
    assert [row.number for row in phones.page(shop, PhoneQuery()).rows] == ["88010001"]
    assert phones.get(shop, "88010001").spec.account == "shop"


ELSEWHERE = [
    lambda phones, actor: phones.get(actor, "55"),
    lambda phones, actor: phones.change(actor, "55", {"memo": "mine"}),
    lambda phones, actor: phones.move(actor, "55", "shop"),
    lambda phones, actor: phones.new_password(actor, "55"),
    lambda phones, actor: phones.delete(actor, "55"),
]


@pytest.mark.parametrize("do", ELSEWHERE)
def test_another_agents_phone_is_not_found_and_leaves_a_line(
    tenants: Tenants, phones: Phones, do: object
) -> None:
    phones.create(OPERATOR, {"number": "55", "account": "cairo"})
    before = tenants.everything
    bd = tenants.agent("bd")
    with pytest.raises(NotFound) as theirs:
        do(phones, bd)  # type: ignore[operator]
    assert [line[1:] for line in tenants.audit("denied")] == [("phone", "55")]
    assert tenants.everything == before
    tenants.execute("DELETE FROM phones")
    with pytest.raises(NotFound) as nobodys:
        do(phones, bd)  # type: ignore[operator]
    assert str(theirs.value) == str(nobodys.value)
    assert len(tenants.audit("denied")) == 1


def test_an_agent_puts_no_phone_elsewhere(tenants: Tenants, phones: Phones) -> None:
    bd = tenants.agent("bd")
    with pytest.raises(InvalidFields) as error:
        phones.create(bd, {"number": "88010001", "account": "cairo"})
    assert errors_of(error) == {"account": "there is no account 'cairo'"}
    assert tenants.audit("denied") == [("create", "phone", "88010001")]
    phones.create(bd, {"number": "88010001", "account": "shop"})
    with pytest.raises(InvalidFields):
        phones.move(bd, "88010001", "cairo")
    with pytest.raises(InvalidFields) as error:
        phones.create(bd, {"number": "88010002", "account": "shop", "rate_group": "sell"})
    assert errors_of(error) == {"rate_group": "there is no rate group 'sell'"}


def test_an_agent_does_not_learn_whose_limits_bind_it(tenants: Tenants, phones: Phones) -> None:
    """The section is bd's; dhaka's agent is told of its own account."""
    with pytest.raises(InvalidFields) as error:
        phones.create(tenants.agent("dhaka"), {"number": "55", "account": "shop"})
    assert errors_of(error) == {"number": "55 is in no number section of account dhaka"}


def test_without_the_right_phones_are_only_seen(tenants: Tenants, phones: Phones) -> None:
    phones.create(OPERATOR, {"number": "88010001", "account": "shop"})
    for actor in (tenants.agent_without("bd", Right.PHONES), tenants.customer("shop")):
        for do in (
            lambda who: phones.create(who, {"number": "88010002", "account": "shop"}),
            lambda who: phones.create_many(who, PhoneRange("88010002", "88010003")),
            lambda who: phones.change(who, "88010001", {"memo": "x"}),
            lambda who: phones.new_password(who, "88010001"),
            lambda who: phones.delete(who, "88010001"),
        ):
            with pytest.raises(NotAllowed, match="phones"):
                do(actor)
        assert phones.get(actor, "88010001").spec.account == "shop"


def test_nobody_sets_what_its_own_phones_cost(tenants: Tenants, phones: Phones) -> None:
    """What a phone costs is set from above: an agent cannot let itself off its rent."""
    dhaka = tenants.agent("dhaka")
    phones.create(OPERATOR, {"number": "88010001", "account": "dhaka", "monthly_rent": "5"})
    for terms in ({"monthly_rent": 0}, {"monthly_maximum": 9}, {"rate_group": "bd-sells"}):
        with pytest.raises(InvalidFields, match="set by who is above"):
            phones.change(dhaka, "88010001", terms)
    assert phones.change(dhaka, "88010001", {"memo": "mine"}).spec.monthly_rent == 5
    phones.create(dhaka, {"number": "88010002", "account": "shop", "monthly_rent": "1"})
    with pytest.raises(InvalidFields, match="set by who is above"):
        phones.move(dhaka, "88010002", "dhaka")
    phones.change(tenants.agent("bd"), "88010001", {"monthly_rent": "4"})


def test_a_group_that_the_agent_cannot_see_stays(tenants: Tenants, phones: Phones) -> None:
    phones.create(OPERATOR, {"number": "88010001", "account": "shop", "rate_group": "sell"})
    changed = phones.change(tenants.agent("bd"), "88010001", {"memo": "seen"})
    assert (changed.spec.memo, changed.spec.rate_group) == ("seen", "sell")


def test_a_range_of_numbers(tenants: Tenants, phones: Phones) -> None:
    made = phones.create_many(
        tenants.agent("bd"), PhoneRange("88010098", "88010103", {"account": "shop"})
    )
    assert [phone.record.spec.number for phone in made] == [
        f"880100{n}" if n < 100 else f"88010{n}" for n in range(98, 104)
    ]
    assert len({phone.password for phone in made}) == 6
    assert len(tenants.audit()) == 6
    before = tenants.everything
    with pytest.raises(InvalidFields) as error:
        phones.create_many(OPERATOR, PhoneRange("88010102", "88010105", {"account": "shop"}))
    assert errors_of(error) == {
        "1.number": "the number 88010102 is taken",
        "2.number": "the number 88010103 is taken",
    }
    assert tenants.everything == before


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("1", "20000", "must have as many"),
        ("10000", "90000", "more than 10000 numbers"),
        ("x", "y", "is not a number"),
        ("20", "10", "begins with its smallest"),
        ("", "", "is not a number"),
    ],
)
def test_ranges_that_are_none(phones: Phones, first: str, last: str, said: str) -> None:
    with pytest.raises(InvalidFields) as error:
        phones.create_many(OPERATOR, PhoneRange(first, last))
    assert said in errors_of(error)["last"]


CSV = """\
number,account,password,monthly_rent,dids
88010001,shop,Correct-Horse-9,1.5,
88010002,dhaka,,,88010003;88010004
"""


def test_phones_from_a_table(phones: Phones) -> None:
    first, second = phones.create_many(OPERATOR, read_phone_csv(CSV))
    assert (first.record.spec.account, first.password) == ("shop", "Correct-Horse-9")
    assert first.record.spec.monthly_rent == Decimal("1.5")
    assert second.record.spec.dids == ("88010003", "88010004")


@pytest.mark.parametrize(
    ("text", "field", "said"),
    [
        ("", "", "no column 'number'"),
        ("account\nshop", "", "no column 'number'"),
        ("number,number\n1,2", "", "comes twice"),
        ("number,account\n1,2,3", "", "line 2: 3 cells"),
        ('number,account\n"1,shop', "", "not CSV"),
        ("number,account\n1\x002,shop", "", "not CSV|digits"),
        ("number,account", "", "not 1 to 10000"),
        ("number,account,rent\n88010001,shop,1", "1.rent", "unknown key"),
        ("number,account\n88010001,shop\n88010001,shop", "2.number", "is taken"),
        ("number,account,dids\n88010001,shop,88010002\n88010002,shop,", "2.number", "is taken"),
    ],
)
def test_tables_that_are_none(
    tenants: Tenants, phones: Phones, text: str, field: str, said: str
) -> None:
    with pytest.raises(InvalidFields) as error:
        phones.create_many(OPERATOR, read_phone_csv(text))
    name, why = next(iter(errors_of(error).items()))
    assert field in ("", name)
    assert any(part in why for part in said.split("|"))
    assert tenants.rows("SELECT count(*) FROM phones") == [(0,)]


def some_phones(phones: Phones) -> list[NewPhone]:
    rows: list[dict[str, object]] = [
        {"number": "88010003", "account": "shop"},
        {"number": "88010001", "account": "shop", "locked": True},
        {"number": "88010002", "account": "bd", "dids": ["88010077"]},
        {"number": "55", "account": "cairo"},
        {"number": "0044", "account": "solo"},
    ]
    return [phones.create(OPERATOR, row) for row in rows]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", list(PhoneSort))
def test_pages_go_on_where_the_last_one_ended(
    phones: Phones, sort: PhoneSort, descending: bool
) -> None:
    some_phones(phones)
    whole = phones.page(OPERATOR, PhoneQuery(sort=sort, descending=descending))
    keys = {
        PhoneSort.NUMBER: lambda row: row.number,
        PhoneSort.ACCOUNT: lambda row: (row.account, row.number),
        PhoneSort.CREATED: lambda row: (row.created_at, row.number),
    }
    assert list(whole.rows) == sorted(whole.rows, key=keys[sort], reverse=descending)
    assert (len(whole.rows), whole.next_after) == (5, None)
    found: list[PhoneRow] = []
    after = ""
    for _ in range(3):
        query = PhoneQuery(sort=sort, descending=descending, after=after, limit=2)
        page = phones.page(OPERATOR, query)
        found += page.rows
        after = page.next_after or ""
    assert found == list(whole.rows)
    assert after == ""


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (PhoneQuery(search="8801000"), ["88010001", "88010002", "88010003"]),
        (PhoneQuery(search="88010077"), ["88010002"]),
        (PhoneQuery(search="%"), []),
        (PhoneQuery(search="_4"), []),
        (PhoneQuery(search="' OR 1=1 --"), []),
        (PhoneQuery(account="shop"), ["88010001", "88010003"]),
        (PhoneQuery(account="shop", locked=True), ["88010001"]),
        (PhoneQuery(account="nobody"), []),
    ],
)
def test_searching(phones: Phones, query: PhoneQuery, expected: list[str]) -> None:
    some_phones(phones)
    assert [row.number for row in phones.page(OPERATOR, query).rows] == expected


@pytest.mark.parametrize(
    ("query", "field"),
    [
        (PhoneQuery(limit=0), "limit"),
        (PhoneQuery(limit=10**9), "limit"),
        (PhoneQuery(search="a\x00"), "search"),
        (PhoneQuery(after="x" * 1000), "after"),
        (PhoneQuery(sort=PhoneSort.CREATED, after="yesterday 5"), "after"),
    ],
)
def test_questions_that_are_none(phones: Phones, query: PhoneQuery, field: str) -> None:
    with pytest.raises(InvalidFields) as error:
        phones.page(OPERATOR, query)
    assert errors_of(error).keys() == {field}


@pytest.mark.parametrize("number", ["", "x", "88 01", "1\x00", "9" * 1000, "'; --"])
def test_numbers_that_are_none_are_not_found(phones: Phones, number: str) -> None:
    with pytest.raises(NotFound):
        phones.get(OPERATOR, number)
    with pytest.raises(NotFound):
        phones.change(OPERATOR, number, {"memo": "x"})


def test_a_file_may_change_what_a_form_made(tenants: Tenants, phones: Phones) -> None:
    made = phones.create(OPERATOR, {"number": "88010001", "account": "shop", "dids": ["88010002"]})
    assert tenants.export().out.count("88010002") == 1
    ran = tenants.apply("phones:\n  - {number: 88010001, account: shop, dids: [88010003]}")
    assert ran.status == 0, ran.err
    record = phones.get(OPERATOR, "88010001")
    assert record.spec.dids == ("88010003",)
    assert record.password_set_at == made.record.password_set_at
    with pytest.raises(Stale):
        phones.change(OPERATOR, "88010001", {"memo": "x"}, made.record.revision)


def test_a_phone_with_an_account_of_its_own(tenants: Tenants, phones: Phones) -> None:
    bd = tenants.agent("bd")
    made = phones.create(bd, {"number": "88010001"}, {"currency": "USD", "rate_group": "given"})
    assert made.record.spec.account == "88010001"
    assert tenants.rows(
        "SELECT p.name FROM accounts a JOIN accounts p ON p.id = a.parent_id"
        " WHERE a.name = '88010001'"
    ) == [("bd",)]
    named = {"name": "corner", "currency": "USD", "parent": "dhaka", "rate_group": "bd-sells"}
    assert phones.create(bd, {"number": "88010002"}, named).record.spec.account == "corner"
    assert tenants.audit() == [
        ("create", "account", "88010001"),
        ("create", "phone", "88010001"),
        ("create", "account", "corner"),
        ("create", "phone", "88010002"),
    ]


@pytest.mark.parametrize(
    ("values", "account", "field"),
    [
        ({"number": "88010001"}, {"currency": "EUR"}, "account.parent"),
        ({"number": "88010001"}, {"name": "shop", "currency": "USD"}, "account.name"),
        ({"number": "88010001"}, {"name": "x", "currency": "?"}, "account.currency"),
        ({"number": "99"}, {"name": "x", "currency": "USD"}, "number"),
        ({"number": "88010001", "lines_in": "x"}, {"name": "x", "currency": "USD"}, "lines_in"),
    ],
)
def test_both_or_neither(
    tenants: Tenants,
    phones: Phones,
    values: dict[str, object],
    account: dict[str, object],
    field: str,
) -> None:
    before = tenants.everything
    with pytest.raises(InvalidFields) as error:
        phones.create(tenants.agent("bd"), values, account)
    assert errors_of(error).keys() == {field}
    assert tenants.everything == before
    assert tenants.audit() == []


def test_an_account_needs_its_own_right(tenants: Tenants, phones: Phones) -> None:
    with pytest.raises(NotAllowed, match="accounts"):
        phones.create(
            tenants.agent_without("bd", Right.ACCOUNTS), {"number": "88010001"}, {"currency": "USD"}
        )
