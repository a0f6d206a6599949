"""Accounts as people change them: rights, scope, revisions, the log (spec §1.1 to §1.5)."""

import threading
from decimal import Decimal

import pytest
import sqlalchemy as sa

from controller.domain.errors import Conflict, InvalidFields, NotAllowed, NotFound, Stale
from controller.domain.rights import ALL_RIGHTS, PRESETS, Right
from controller.persistence import account_store, scopes
from controller.persistence.account_store import FEW_AGENTS
from controller.services.accounts import (
    AccountQuery,
    AccountRow,
    AccountSeries,
    AccountSort,
    AccountState,
    read_account_csv,
)
from controller.services.audit import Outcome
from tests.integration.account_office import ROOT, Office


@pytest.fixture
def office(engine: sa.Engine) -> Office:
    made = Office(engine)
    made.hierarchy()
    return made


def errors_of(raised: pytest.ExceptionInfo[InvalidFields]) -> dict[str, str]:
    return raised.value.errors


# -- A4, A5: agents --------------------------------------------------------------------------


def test_an_account_is_an_agent_as_long_as_it_has_accounts_below(office: Office) -> None:
    assert not office.accounts.get(ROOT, "customer-001").is_agent
    office.make("grandchild", "customer-001")
    assert office.accounts.get(ROOT, "customer-001").is_agent
    office.accounts.move(ROOT, "grandchild", "other-agent")
    assert not office.accounts.get(ROOT, "customer-001").is_agent


def test_an_agents_account_is_below_the_agent(office: Office) -> None:
    agent = office.agent("dhaka-retail")
    made = office.accounts.create(agent, {"name": "new", "currency": "USD"})
    assert made.spec.parent == "dhaka-retail"
    deeper = {"name": "deeper", "currency": "USD", "parent": "customer-001"}
    assert office.accounts.create(agent, deeper).spec.parent == "customer-001"
    (line,) = office.log(kind="account", name="deeper")
    assert (line.actor, line.action) == ("user-of-dhaka-retail", "create")
    assert line.changes["parent"] == ("", "customer-001")


@pytest.mark.parametrize("parent", ["bd-wholesale", "other-agent", "nobody"])
def test_and_nowhere_else(office: Office, parent: str) -> None:
    """In the same words whether or not the account exists; the log knows the difference."""
    agent = office.agent("dhaka-retail")
    with pytest.raises(InvalidFields) as raised:
        office.accounts.create(agent, {"name": "new", "currency": "USD", "parent": parent})
    assert errors_of(raised) == {"parent": f"there is no account '{parent}'"}
    denied = [row.name for row in office.log(denied_only=True)]
    assert denied == ([] if parent == "nobody" else ["new"])


def test_without_the_right_nothing_is_made(office: Office) -> None:
    agent = office.agent("dhaka-retail", frozenset({Right.PAY_SUB}))
    with pytest.raises(NotAllowed, match="lacks the right accounts"):
        office.accounts.create(agent, {"name": "new", "currency": "USD"})
    for change in (
        lambda: office.accounts.change(agent, "customer-001", {"memo": "x"}),
        lambda: office.accounts.close(agent, "customer-001"),
        lambda: office.accounts.delete(agent, "customer-001"),
        lambda: office.accounts.reopen(agent, "customer-001"),
    ):
        with pytest.raises(NotAllowed, match="lacks the right accounts"):
            change()


@pytest.mark.parametrize(
    "name", ["bd-wholesale", "other-agent", "other-customer", "nobody", "cash:USD"]
)
def test_what_is_outside_is_not_found(office: Office, name: str) -> None:
    agent = office.agent("dhaka-retail", ALL_RIGHTS)
    for use in (
        lambda: office.accounts.get(agent, name),
        lambda: office.accounts.change(agent, name, {"memo": "x"}),
        lambda: office.accounts.close(agent, name),
        lambda: office.accounts.delete(agent, name),
        lambda: office.accounts.rights(agent, name),
        lambda: office.accounts.tree(agent, name),
        lambda: office.accounts.page(agent, AccountQuery(under=name)),
    ):
        with pytest.raises(NotFound, match=f"there is no account '{name}'"):
            use()
    denied = {row.action for row in office.log(denied_only=True) if row.name == name}
    exists = name not in ("nobody", "cash:USD")
    assert denied == ({"read", "change", "close", "delete"} if exists else set())


def test_a_customer_sees_its_own_account_only(office: Office) -> None:
    customer = office.customer("dhaka-retail")
    assert office.accounts.get(customer, "dhaka-retail").spec.parent is None
    with pytest.raises(NotFound):
        office.accounts.get(customer, "customer-001")
    page = office.accounts.page(customer, AccountQuery())
    assert [row.name for row in page.rows] == ["dhaka-retail"]
    with pytest.raises(NotAllowed):
        office.accounts.create(customer, {"name": "x", "currency": "USD"})


def test_of_the_own_account_only_contact_data(office: Office) -> None:
    agent = office.agent("dhaka-retail")
    own = office.accounts.change(agent, "dhaka-retail", {"email": "a@example.com"})
    assert own.spec.email == "a@example.com"
    assert office.accounts.get(ROOT, "dhaka-retail").spec.parent == "bd-wholesale"
    # a form sends everything; what is as it was is no change
    office.accounts.change(agent, "dhaka-retail", {"email": "b@example.com", "locked": False})
    for field, value in (("capacity", 5), ("rights", sorted(ALL_RIGHTS)), ("locked", True)):
        with pytest.raises(NotAllowed, match=f"somebody above sets {field}"):
            office.accounts.change(agent, "dhaka-retail", {field: value})


# -- rights ----------------------------------------------------------------------------------


def test_nobody_gives_what_he_has_not(office: Office) -> None:
    agent = office.agent("dhaka-retail")
    with pytest.raises(InvalidFields) as raised:
        office.accounts.change(agent, "customer-001", {"rights": ["phones", "gateways", "pay_own"]})
    assert errors_of(raised) == {"rights": "you cannot give what you have not: gateways, pay_own"}
    given = office.accounts.change(agent, "customer-001", {"rights": ["phones"]})
    assert given.effective == {Right.PHONES}


def test_what_somebody_above_gave_may_stay(office: Office) -> None:
    office.accounts.change(ROOT, "customer-001", {"rights": ["gateways", "phones"]})
    agent = office.agent("dhaka-retail")
    kept = office.accounts.change(agent, "customer-001", {"memo": "x"})
    assert set(kept.spec.rights) == {Right.GATEWAYS, Right.PHONES}
    assert kept.effective == {Right.PHONES}


def test_a_right_that_is_lost_above_is_lost_below_at_once(office: Office) -> None:
    def effective() -> set[Right]:
        return set(office.accounts.get(ROOT, "customer-001").effective)

    office.accounts.change(ROOT, "customer-001", {"rights": ["phones", "gateways", "pay_sub"]})
    assert effective() == {Right.PHONES, Right.PAY_SUB}
    views = {view.right: view for view in office.accounts.rights(ROOT, "customer-001")}
    assert views[Right.GATEWAYS].lacking_above == ("dhaka-retail", "bd-wholesale")
    assert not views[Right.GATEWAYS].counts
    assert views[Right.PHONES].counts
    assert not views[Right.PAY_OWN].given
    office.accounts.change(ROOT, "bd-wholesale", {"rights": ["pay_sub"]})
    assert effective() == {Right.PAY_SUB}
    office.accounts.change(ROOT, "dhaka-retail", {"rights": []})
    assert effective() == set()
    office.accounts.change(ROOT, "bd-wholesale", {"rights": sorted(ALL_RIGHTS)})
    office.accounts.change(ROOT, "dhaka-retail", {"rights": sorted(PRESETS["retail"])})
    assert effective() == {Right.PHONES, Right.PAY_SUB}


def test_who_above_the_agent_lacks_a_right_is_not_named(office: Office) -> None:
    office.accounts.change(ROOT, "customer-001", {"rights": ["gateways"]})
    agent = office.agent("dhaka-retail")
    views = {v.right: v for v in office.accounts.rights(agent, "customer-001")}
    assert views[Right.GATEWAYS].lacking_above == ("dhaka-retail", "an agent above")


# -- changing --------------------------------------------------------------------------------


def test_two_forms_at_once(office: Office) -> None:
    shown = office.accounts.get(ROOT, "customer-001").revision
    office.accounts.change(office.agent("dhaka-retail"), "customer-001", {"memo": "first"}, shown)
    with pytest.raises(Stale, match=r"was changed by user-of-dhaka-retail at .* \(memo\)"):
        office.accounts.change(ROOT, "customer-001", {"memo": "second"}, shown)
    assert office.accounts.get(ROOT, "customer-001").spec.memo == "first"


def test_what_is_as_it_was_is_no_change(office: Office) -> None:
    before = office.accounts.get(ROOT, "customer-001")
    office.accounts.change(ROOT, "customer-001", {"memo": "", "capacity": None})
    assert office.accounts.get(ROOT, "customer-001") == before
    assert [row.action for row in office.log(kind="account", name="customer-001")] == ["create"]


def test_a_limit_that_is_changed_meanwhile_is_not_overwritten(office: Office) -> None:
    """Overdraft limits are movements; forms know nothing of them."""
    office.execute("UPDATE accounts SET overdraft_limit = 50 WHERE name = 'customer-001'")
    office.accounts.change(ROOT, "customer-001", {"memo": "x"})
    assert office.accounts.get(ROOT, "customer-001").spec.overdraft_limit == Decimal(50)
    with pytest.raises(InvalidFields) as raised:
        office.accounts.change(ROOT, "customer-001", {"overdraft_limit": 99})
    assert "overdraft_limit" in errors_of(raised)


@pytest.mark.parametrize(
    ("values", "field", "why"),
    [
        ({"name": ""}, "name", "is missing"),
        ({"name": "a b"}, "name", "'a b'"),
        ({"name": "<script>"}, "name", ""),
        ({"name": "customer-001"}, "name", "the name customer-001 is taken"),
        ({"currency": "dollars"}, "currency", ""),
        ({"currency": "EUR", "parent": "dhaka-retail"}, "parent", "is in EUR, its parent"),
        ({"kind": "clearing", "parent": "dhaka-retail"}, "parent", "neither parent nor children"),
        ({"kind": "system"}, "kind", "'system'"),
        ({"rate_group": "none-such"}, "rate_group", "there is no rate group 'none-such'"),
        ({"email": "not an address"}, "email", "is not an e-mail address"),
        ({"card_type": "library"}, "card_type", ""),
        ({"capacity": "many"}, "capacity", "is not a whole number"),
        ({"capacity": 1.5}, "capacity", "write it as text"),
        ({"expires_at": "tomorrow"}, "expires_at", ""),
        ({"rights": ["everything"]}, "rights", "'everything'"),
        ({"low_balance_locks": True}, "low_balance_locks", "there is no low_balance"),
        ({"memo": "x" * 100_000}, "memo", "longer than"),
        ({"title": "a\x00b"}, "title", "control characters"),
        ({"surprise": "1"}, "surprise", "unknown key"),
        ({"overdraft_limit": "5"}, "overdraft_limit", "unknown key"),
    ],
)
def test_bad_input_is_named_by_its_field(
    office: Office, values: dict[str, object], field: str, why: str
) -> None:
    count = "SELECT count(*) AS n FROM accounts"
    before = office.rows(count)
    with pytest.raises(InvalidFields) as raised:
        office.accounts.create(ROOT, {"name": "new", "currency": "USD", **values})
    assert list(errors_of(raised)) == [field]
    assert why in errors_of(raised)[field]
    assert office.rows(count) == before


def test_no_circle_and_no_other_currency_by_moving(office: Office) -> None:
    with pytest.raises(InvalidFields) as raised:
        office.accounts.move(ROOT, "bd-wholesale", "customer-001")
    assert "circle" in errors_of(raised)["parent"]
    office.accounts.create(ROOT, {"name": "euro", "currency": "EUR"})
    with pytest.raises(InvalidFields) as raised:
        office.accounts.move(ROOT, "dhaka-retail", "euro")
    assert "is in USD, its parent euro in EUR" in errors_of(raised)["parent"]


def test_moving_takes_along_what_is_below_only_if_it_fits(office: Office) -> None:
    """Number sections of the new agents bind everything that comes."""
    office.make("numbered", number_sections=["8800000000-8809999999"])
    office.make("free", "dhaka-retail", number_sections=["3900000000-3900000099"])
    with pytest.raises(InvalidFields) as raised:
        office.accounts.move(ROOT, "dhaka-retail", "numbered")
    assert "free" in "".join(errors_of(raised).values())
    office.accounts.change(ROOT, "free", {"number_sections": []})
    moved = office.accounts.move(ROOT, "dhaka-retail", "numbered")
    assert moved.spec.parent == "numbered"
    (line, *_) = office.log(kind="account", name="dhaka-retail")
    assert (line.action, line.changes["parent"]) == ("move", ("bd-wholesale", "numbered"))


def test_narrowing_sections_names_what_would_fall_outside(office: Office) -> None:
    office.accounts.change(ROOT, "dhaka-retail", {"number_sections": ["8800-8899"]})
    office.accounts.change(ROOT, "customer-001", {"number_sections": ["8850-8860"]})
    with pytest.raises(InvalidFields) as raised:
        office.accounts.change(ROOT, "dhaka-retail", {"number_sections": ["8800-8855"]})
    assert "customer-001" in errors_of(raised)["number_sections"]


def test_currency_is_fixed_once_there_is_money(office: Office) -> None:
    office.accounts.change(ROOT, "other-customer", {"parent": None, "currency": "EUR"})
    office.execute(
        "INSERT INTO postings (id, kind, debit_account_id, credit_account_id, amount, currency, at)"
        " SELECT gen_random_uuid(), 'payment', s.id, a.id, 1, 'EUR', now() FROM accounts s,"
        " accounts a WHERE s.name = 'cash:EUR' AND a.name = 'other-customer'"
    )
    with pytest.raises(InvalidFields) as raised:
        office.accounts.change(ROOT, "other-customer", {"currency": "USD"})
    assert errors_of(raised) == {"currency": "the account has postings or calls: this is fixed"}
    with pytest.raises(Conflict, match="has postings: close it instead"):
        office.accounts.delete(ROOT, "other-customer")
    assert office.accounts.close(ROOT, "other-customer").spec.closed


# -- the end of an account -------------------------------------------------------------------


def test_an_account_with_accounts_below_stays(office: Office) -> None:
    for end in (office.accounts.delete, office.accounts.close):
        with pytest.raises(Conflict, match=r"has 1 accounts below it: .*: customer-001"):
            end(ROOT, "dhaka-retail")
    for number in range(25):
        office.make(f"more-{number:02}", "dhaka-retail")
    with pytest.raises(Conflict, match=r"has 26 accounts .*customer-001, more-00.* and 6 more"):
        office.accounts.delete(ROOT, "dhaka-retail")


def test_delete_close_and_open_again(office: Office) -> None:
    office.accounts.delete(ROOT, "customer-001")
    with pytest.raises(NotFound):
        office.accounts.get(ROOT, "customer-001")
    office.accounts.close(ROOT, "dhaka-retail")
    with pytest.raises(Conflict, match="is closed"):
        office.accounts.change(ROOT, "dhaka-retail", {"memo": "x"})
    with pytest.raises(InvalidFields) as raised:
        office.make("late", "dhaka-retail")
    assert "is closed" in errors_of(raised)["parent"]
    assert not office.accounts.reopen(ROOT, "dhaka-retail").spec.closed
    actions = [row.action for row in office.log(kind="account", name="dhaka-retail")]
    assert actions == ["reopen", "close", "create"]


def test_nobody_ends_his_own_account(office: Office) -> None:
    agent = office.agent("other-agent")
    for end in (office.accounts.delete, office.accounts.close):
        with pytest.raises(NotAllowed, match="your own account"):
            end(agent, "other-agent")


def test_approval(office: Office) -> None:
    office.execute("""UPDATE configuration_state SET parameters = '{"approve_sub_agents": true}'""")
    agent = office.agent("dhaka-retail")
    made = office.accounts.create(agent, {"name": "new", "currency": "USD"})
    assert made.awaiting_approval
    waiting = office.accounts.page(ROOT, AccountQuery(state=AccountState.WAITING))
    assert [row.name for row in waiting.rows] == ["new"]
    with pytest.raises(NotAllowed):
        office.accounts.approve(agent, "new")
    assert not office.accounts.approve(ROOT, "new").awaiting_approval
    assert not office.accounts.create(ROOT, {"name": "own", "currency": "USD"}).awaiting_approval


# -- many at once ----------------------------------------------------------------------------


def test_a_series(office: Office) -> None:
    agent = office.agent("dhaka-retail")
    series = AccountSeries("shop-098", 5, {"currency": "USD", "capacity": "2"})
    made = office.accounts.create_many(agent, series)
    assert [m.spec.name for m in made] == [f"shop-{n:03}" for n in range(98, 103)]
    assert {m.spec.parent for m in made} == {"dhaka-retail"}
    with pytest.raises(InvalidFields) as raised:
        office.accounts.create_many(agent, AccountSeries("shop-100", 5, {"currency": "USD"}))
    assert list(errors_of(raised)) == ["1.name", "2.name", "3.name"]
    assert len(office.rows("SELECT FROM accounts WHERE name LIKE 'shop-%'")) == 5


def test_a_table_with_parents_and_children_is_all_or_nothing(office: Office) -> None:
    rows = read_account_csv(
        "name,currency,parent,email\nhead,USD,,\nfirst,USD,head,a@example.com\nsecond,USD,first,\n"
    )
    made = office.accounts.create_many(ROOT, rows)
    assert [m.spec.parent for m in made] == [None, "head", "first"]
    broken = read_account_csv(
        "name,currency,parent,email\nx1,USD,,\nx2,US,,\nx3,USD,nobody,\nx1,USD,,\nx4,USD,,bad\n"
    )
    with pytest.raises(InvalidFields) as raised:
        office.accounts.create_many(ROOT, broken)
    assert list(errors_of(raised)) == ["2.currency", "5.email"]
    rest = [row for row in broken if row["name"] not in ("x2", "x4")]
    with pytest.raises(InvalidFields) as raised:
        office.accounts.create_many(ROOT, rest)
    assert list(errors_of(raised)) == ["2.parent", "3.name"]
    assert not office.rows("SELECT FROM accounts WHERE name LIKE 'x_'")


def test_one_name_for_two(office: Office) -> None:
    outcomes: list[str] = []

    def create() -> None:
        try:
            office.accounts.create(ROOT, {"name": "wanted", "currency": "USD"})
            outcomes.append("made")
        except InvalidFields as refused:
            outcomes.append(refused.errors["name"])

    threads = [threading.Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made", *["the name wanted is taken"] * 3]


# -- lists -----------------------------------------------------------------------------------


def test_direct_and_all(office: Office) -> None:
    def names(**wanted: object) -> list[str]:
        return [row.name for row in office.accounts.page(ROOT, AccountQuery(**wanted)).rows]  # type: ignore[arg-type]

    assert names(under="bd-wholesale", direct=True) == ["dhaka-retail"]
    assert names(under="bd-wholesale") == ["customer-001", "dhaka-retail"]
    assert names(search="RETAIL") == ["dhaka-retail"]
    assert names(search="%") == []
    assert names(currency="EUR") == []


@pytest.mark.parametrize("large", [5_000, 1])
def test_the_list_of_an_agent_is_its_subtree(
    office: Office, large: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scopes, "LARGE", large)

    def names(agent: str, **wanted: str) -> list[str]:
        query = AccountQuery(limit=2, **wanted)  # type: ignore[arg-type]
        return [row.name for row in office.accounts.page(office.agent(agent), query).rows]

    assert names("bd-wholesale") == ["bd-wholesale", "customer-001"]
    assert names("bd-wholesale", after="customer-001") == ["dhaka-retail"]
    assert names("other-agent", search="customer") == ["other-customer"]
    assert names("dhaka-retail", under="dhaka-retail") == ["customer-001"]


@pytest.mark.parametrize("sort", AccountSort)
@pytest.mark.parametrize("descending", [False, True])
def test_pages_go_on_where_they_ended(office: Office, sort: AccountSort, descending: bool) -> None:
    office.execute("UPDATE account_funds SET balance = account_id % 3")
    whole = office.accounts.page(ROOT, AccountQuery(sort=sort, descending=descending)).rows
    after = ""
    walked: list[AccountRow] = []
    while True:
        query = AccountQuery(sort=sort, descending=descending, after=after, limit=2)
        page = office.accounts.page(ROOT, query)
        walked += page.rows
        if page.next_after is None:
            break
        after = page.next_after
    assert walked == list(whole)
    assert len(walked) == 5


@pytest.mark.parametrize("after", ["x", "1 x", "NaN 1", "2026 1", "' OR 1=1"])
def test_a_place_that_no_page_ended_with(office: Office, after: str) -> None:
    for sort in (AccountSort.BALANCE, AccountSort.CREATED):
        try:
            office.accounts.page(ROOT, AccountQuery(sort=sort, after=after))
        except InvalidFields as refused:
            assert list(refused.errors) == ["after"]  # noqa: PT017 - some of them are places


@pytest.mark.parametrize("few", [FEW_AGENTS, 0])
def test_the_tree_opens_level_by_level(
    office: Office, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_store, "FEW_AGENTS", few)
    tops = office.accounts.tree(ROOT)
    assert [(n.name, n.agents, n.accounts) for n in tops] == [
        ("bd-wholesale", 1, 1),
        ("other-agent", 0, 1),
    ]
    assert [n.name for n in office.accounts.tree(ROOT, "bd-wholesale")] == ["dhaka-retail"]
    # customers are no agents, so they are not in the tree (A5)
    assert office.accounts.tree(ROOT, "dhaka-retail") == []
    own = office.accounts.tree(office.agent("dhaka-retail"))
    assert [n.name for n in own] == ["dhaka-retail"]


def test_denied_lines_tell_who_asked(office: Office) -> None:
    with pytest.raises(NotFound):
        office.accounts.get(office.agent("dhaka-retail"), "other-agent")
    (line,) = office.log(denied_only=True)
    assert (line.actor, line.action, line.outcome) == (
        "user-of-dhaka-retail",
        "read",
        Outcome.DENIED,
    )


# -- what people do not change ---------------------------------------------------------------


def test_what_an_account_may_do_without_the_database_is_the_configurations(office: Office) -> None:
    office.execute(
        "UPDATE accounts SET offline_calls = 2, offline_minutes = 3, offline_money = 4"
        " WHERE name = 'customer-001'"
    )
    office.accounts.change(ROOT, "customer-001", {"title": "another"})
    (row,) = office.rows("SELECT * FROM accounts WHERE name = 'customer-001'")
    assert (row["title"], row["offline_calls"], row["offline_minutes"]) == ("another", 2, 3)
    with pytest.raises(InvalidFields):
        office.accounts.change(ROOT, "customer-001", {"offline_money": "1000"})
