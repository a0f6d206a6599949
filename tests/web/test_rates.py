"""Rate groups and rates: paging, search, words, and that nobody sees what is not theirs."""

import re

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from controller.persistence import schema as t
from controller.persistence.views import rates as rate_view
from controller.persistence.views.rates import PostgresRates
from controller.services.actors import EVERYTHING, Scope
from controller.services.views.rates import (
    RateFilter,
    RateGroupDetail,
    RatePlace,
    RateRow,
    Validity,
)
from tests.web import sample
from tests.web.conftest import AddUser, OwnedClock
from tests.web.forms import sign_in
from web.context import SERVICES


@pytest.fixture
def decks(engine: sa.Engine, clock: OwnedClock) -> None:
    """Decks, agents, phones: what `sample` has of them."""
    sample.plant_accounts(engine)
    sample.plant_resellers(engine, clock.now())
    sample.plant_rates(engine)


pytestmark = pytest.mark.usefixtures("decks")


def id_of(engine: sa.Engine, table: sa.Table, name: str) -> int:
    with engine.connect() as connection:
        return int(
            connection.execute(sa.select(table.c.id).where(table.c.name == name)).scalar_one()
        )


def group(engine: sa.Engine, name: str = "wholesale-usd") -> RateGroupDetail:
    found = PostgresRates(engine).group(EVERYTHING, id_of(engine, t.rate_groups, name))
    assert found is not None
    return found


def path_of(engine: sa.Engine, name: str, query: str = "") -> str:
    return f"/rates/{id_of(engine, t.rate_groups, name)}{query}"


def more_rates(engine: sa.Engine, count: int, name: str = "agents-usd") -> None:
    """Prefixes of 50000 upwards; every hundredth is in Atlantis."""
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO rates (rate_group_id, prefix, area, tiers) SELECT :id, 50000 + n,"
                " CASE WHEN n % 100 = 0 THEN 'Atlantis' ELSE 'Sea' END || n, '0|0:0.1/60/60'"
                " FROM generate_series(1, :count) AS n"
            ),
            {"id": id_of(engine, t.rate_groups, name), "count": count},
        )


class TestGroups:
    def test_the_list(self, admin: FlaskClient) -> None:
        text = admin.get("/rates").text
        for shown in ("wholesale-usd", "4 decimals, half up", "Europe/Tallinn", "Cost</span>"):
            assert shown in text
        assert "agents-usd" not in admin.get("/rates?q=whole").text
        assert "No rate group matches." in admin.get("/rates?q=%25").text

    def test_the_number_of_rates_is_kept_whoever_changes_them(self, engine: sa.Engine) -> None:
        """By the triggers on `rates`: nothing is counted when a page is shown."""
        before = group(engine).row.rate_count
        more_rates(engine, 500, "wholesale-usd")
        assert group(engine).row.rate_count == before + 500
        with engine.begin() as connection:
            connection.execute(sa.text("UPDATE rates SET locked = true WHERE prefix LIKE '500%'"))
            connection.execute(sa.text("DELETE FROM rates WHERE prefix LIKE '5000%'"))
        with engine.connect() as connection:
            counted = connection.scalar(
                sa.select(sa.func.count()).where(
                    t.rates.c.rate_group_id == id_of(engine, t.rate_groups, "wholesale-usd")
                )
            )
        assert group(engine).row.rate_count == counted == before + 491

    def test_paging_by_name(self, engine: sa.Engine) -> None:
        view, names, after = PostgresRates(engine), [], ""
        while True:
            page = view.groups(EVERYTHING, "", after, 2)
            names += [row.name for row in page.rows]
            if page.next_after is None:
                break
            after = page.next_after
        assert names == ["agents-usd", "cost-usd", "private-usd", "wholesale-usd"]

    def test_who_uses_it(self, engine: sa.Engine, admin: FlaskClient) -> None:
        found = group(engine)
        assert [user.name for user in found.users][:2] == ["atlas-telecom", "baltic-voice"]
        assert (found.row.accounts, found.row.is_cost) == (5, False)
        private = group(engine, "private-usd")
        assert [(user.name, user.how) for user in private.users] == [
            ("baltic-voice", "private rates")
        ]
        assert group(engine, "cost-usd").row.is_cost
        assert "paid by it" in admin.get(path_of(engine, "cost-usd")).text
        with engine.begin() as connection:
            connection.execute(t.rate_groups.insert().values(name="new", currency="USD"))
        assert "Nobody: it can be deleted." in admin.get(path_of(engine, "new")).text

    def test_periods_in_words(self, engine: sa.Engine, admin: FlaskClient) -> None:
        text = admin.get(path_of(engine, "wholesale-usd")).text
        assert "Period 1 (special days, all day): the normal price × 1.5" in text
        assert "20:00 to 07:00 of the next day): the normal price × 0.5" in text
        assert "each period prices its part" in text
        assert "calendar <bdi>estonia</bdi>" in text


class TestRates:
    def test_prices_in_words(self, engine: sa.Engine, admin: FlaskClient) -> None:
        text = admin.get(path_of(engine, "wholesale-usd")).text
        for shown in (
            "0.21 for the first 180 s",
            "from second 181 on: 0.15 per 60 s, charged in steps of 60 s",
            "0.05 once for the call",
            "0.18 for seconds 61 to 180",
            "Locked",
            "Later",
            "Over",
        ):
            assert shown in text

    def test_a_rate_that_cannot_be_read(self, engine: sa.Engine, admin: FlaskClient) -> None:
        with engine.begin() as connection:
            connection.execute(t.rates.update().values(tiers="nonsense"))
        text = admin.get(path_of(engine, "private-usd")).text
        assert "nonsense" in text
        assert "Unusable" in text

    def test_a_prefix_and_what_a_number_matches(
        self, engine: sa.Engine, admin: FlaskClient
    ) -> None:
        text = admin.get(path_of(engine, "wholesale-usd", "?prefix=49301")).text
        shorter, found, longer = text.partition("Prefixes that begin with 49301")
        assert found
        assert re.findall(r"<td>(\S+)</td>", shorter) == ["4930", "4930", "*"]
        assert "Germany Berlin center" in longer
        number = admin.get(path_of(engine, "wholesale-usd", "?prefix=%2B49+30-123456")).text
        assert "Shorter prefixes that 4930123456 begins with" in number
        assert re.findall(r"<td>(\S+)</td>", number) == ["49301", "4930", "4930", "*"]

    def test_only_the_catch_all(self, engine: sa.Engine, admin: FlaskClient) -> None:
        text = admin.get(path_of(engine, "wholesale-usd", "?prefix=*")).text
        assert re.findall(r"<td>(\S+)</td>", text) == ["*"]

    @pytest.mark.parametrize("limit", [1, 7, 50])
    def test_paging_sees_every_rate_once(self, engine: sa.Engine, limit: int) -> None:
        more_rates(engine, 60, "wholesale-usd")
        view, row = PostgresRates(engine), group(engine).row
        for wanted in (RateFilter(), RateFilter(prefix="4930"), RateFilter(area="berlin")):
            everything = view.rates(row, wanted, None, 1_000).rows
            seen: list[RateRow] = []
            after: RatePlace | None = None
            while True:
                page = view.rates(row, wanted, after, limit)
                seen += page.rows
                if page.next_after is None:
                    break
                after = page.next_after
            assert seen == list(everything)

    def test_search_by_area_scope_further_in_steps(
        self, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With no time at all it scope at a hundred rates for each page, and says how far."""
        monkeypatch.setattr(rate_view, "FIRST_LOOK", 100)
        more_rates(engine, 350)
        view = PostgresRates(engine, search_budget_s=-1)
        row = group(engine, "agents-usd").row
        wanted, found, scope = RateFilter(area="LANTIS"), [], 0
        after: RatePlace | None = None
        while True:
            page = view.rates(row, wanted, after, 50)
            found += [rate.area for rate in page.rows]
            scope += 1
            if page.next_after is None:
                break
            assert page.searched_to == page.next_after.prefix
            after = page.next_after
        assert (found, scope) == (["Atlantis100", "Atlantis200", "Atlantis300"], 4)

    def test_a_search_that_has_not_seen_all_says_so(
        self, app: Flask, engine: sa.Engine, admin: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rate_view, "FIRST_LOOK", 3)
        monkeypatch.setattr(app.extensions[SERVICES].rates, "_budget_s", -1)
        more_rates(engine, 30)
        text = admin.get(path_of(engine, "agents-usd", "?area=nowhere")).text
        for shown in ("Nothing found so far.", "Searched up to prefix 50001.", "Search further"):
            assert shown in text

    @pytest.mark.parametrize("pattern", ["%", "_", "/", "%' OR '1'='1"])
    def test_patterns_are_only_text(self, engine: sa.Engine, pattern: str) -> None:
        row = group(engine).row
        assert PostgresRates(engine).rates(row, RateFilter(area=pattern), None, 50).rows == ()

    def test_validity(self, engine: sa.Engine, clock: OwnedClock) -> None:
        rows = PostgresRates(engine).rates(group(engine).row, RateFilter(), None, 50).rows
        states = {(rate.prefix, rate.validity(clock.now())) for rate in rows}
        assert ("7", Validity.FUTURE) in states
        assert {("4930", Validity.PAST), ("4930", Validity.VALID)} <= states
        assert ("49301", Validity.LOCKED) in states

    @pytest.mark.parametrize(
        ("query", "status"),
        [
            ("?prefix=39x", 400),
            ("?prefix=%00", 400),
            ("?area=" + "x" * 65, 400),
            ("?after=39", 400),
            ("?after=39-x", 400),
            ("?after=39-99999999999999999999", 400),
            ("?after=39-1", 200),
            ("?area=%3Cscript%3E", 200),
        ],
    )
    def test_hostile_queries(
        self, engine: sa.Engine, admin: FlaskClient, query: str, status: int
    ) -> None:
        response = admin.get(path_of(engine, "wholesale-usd", query))
        assert response.status_code == status
        assert "<script>" not in response.text


class TestWhoSeesWhat:
    """`tallinn-reseller` uses agents-usd, was authorized to wholesale-usd and owns private-usd."""

    @pytest.fixture(autouse=True)
    def authorized(self, engine: sa.Engine, decks: None) -> None:  # noqa: ARG002 - it comes first
        agent = id_of(engine, t.accounts, "tallinn-reseller")
        wholesale = id_of(engine, t.rate_groups, "wholesale-usd")
        with engine.begin() as connection:
            connection.execute(
                t.rate_group_agents.insert().values(rate_group_id=wholesale, account_id=agent)
            )
            connection.execute(
                t.rate_groups.update()
                .where(t.rate_groups.c.name == "private-usd")
                .values(owner_account_id=agent)
            )

    def client_of(
        self, app: Flask, engine: sa.Engine, add_user: AddUser, account: str
    ) -> FlaskClient:
        role = "agent" if account == "tallinn-reseller" else "customer"
        add_user("bob", role)
        with engine.begin() as connection:
            owner = id_of(engine, t.accounts, account)
            connection.execute(t.users.update().values(account_id=owner))
        client = app.test_client()
        assert sign_in(client, "bob").status_code == 302
        return client

    @pytest.mark.parametrize(
        ("account", "names"),
        [
            ("tallinn-reseller", ["agents-usd", "private-usd", "wholesale-usd"]),
            ("baltic-voice", ["private-usd", "wholesale-usd"]),
            ("atlas-telecom", ["wholesale-usd"]),
            ("kestrel-carrier", []),
        ],
    )
    def test_what_belongs_to_the_account(
        self,
        app: Flask,
        engine: sa.Engine,
        add_user: AddUser,
        account: str,
        names: list[str],
    ) -> None:
        client = self.client_of(app, engine, add_user, account)
        text = client.get("/rates").text
        everything = ("agents-usd", "cost-usd", "private-usd", "wholesale-usd")
        assert [name for name in everything if name in text] == names
        for name in everything:
            status = client.get(path_of(engine, name)).status_code
            assert status == (200 if name in names else 404), name

    def test_a_cost_deck_is_never_shown_though_it_was_given(self, engine: sa.Engine) -> None:
        agent = id_of(engine, t.accounts, "tallinn-reseller")
        cost = id_of(engine, t.rate_groups, "cost-usd")
        with engine.begin() as connection:
            connection.execute(
                t.rate_group_agents.insert().values(rate_group_id=cost, account_id=agent)
            )
        view = PostgresRates(engine)
        scope = Scope(agent)
        assert view.group(scope, cost) is None
        assert "cost-usd" not in [row.name for row in view.groups(scope, "", "", 50).rows]

    def test_nobody_else_s_name_is_on_the_page(
        self, app: Flask, engine: sa.Engine, add_user: AddUser
    ) -> None:
        client = self.client_of(app, engine, add_user, "atlas-telecom")
        text = client.get(path_of(engine, "wholesale-usd")).text
        assert "0.21 for the first 180 s" in text
        for hidden in ("Used by", "baltic-voice", "tallinn-reseller", "Owner"):
            assert hidden not in text

    def test_a_private_rate_of_a_phone(self, engine: sa.Engine) -> None:
        delta = id_of(engine, t.accounts, "delta-retail")
        private = id_of(engine, t.rate_groups, "private-usd")
        view, scope = PostgresRates(engine), Scope(delta)
        assert view.group(scope, private) is None
        with engine.begin() as connection:
            connection.execute(
                t.phones.insert().values(number="5", account_id=delta, rate_group_id=private)
            )
        assert view.group(scope, private) is not None
