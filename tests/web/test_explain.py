"""Explanations as pages: what they say, whom they say it to, and that nothing is held by asking."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from controller.domain.pricing import Pricing
from controller.domain.tariff import Terms, parse_tariff
from controller.persistence import schema as t
from tests.web import sample
from tests.web.conftest import AddUser, OwnedClock
from tests.web.forms import sign_in
from web.price_chart import HEIGHT, WIDTH, price_chart

SATURDAY_NOON = "2026-11-21T12:00"
ASKED = f"number=37255512345&at={SATURDAY_NOON}"


@pytest.fixture
def clock() -> OwnedClock:
    """The packages of `sample` are of this month, and so are the questions."""
    return OwnedClock(datetime(2026, 11, 21, 12, tzinfo=UTC))


@pytest.fixture
def decks(engine: sa.Engine, clock: OwnedClock) -> None:
    sample.plant_accounts(engine)
    sample.plant_resellers(engine, clock.now())
    sample.plant_rates(engine)
    with engine.begin() as connection:
        connection.execute(t.accounts.update().values(overdraft_limit=100))


@pytest.mark.usefixtures("decks")
class TestPrice:
    def test_the_whole_chain_in_words(self, admin: FlaskClient) -> None:
        text = admin.get(f"/explain/rate?account=baltic-voice&{ASKED}&duration=90").text
        for shown in (
            "Customer <bdi>baltic-voice</bdi>",
            "Agent <bdi>tallinn-reseller</bdi>",
            "Agent <bdi>nordic-agency</bdi>",
            "Package Baltic 500 gives 120 free seconds (in steps of 60 s; 11880 s were left).",
            "90 s are free: all of it.",
            "90 s at 0.09 per 60 s, charged in steps of 60 s: 2 steps of 0.09 = 0.18.",
            "Nothing is left to price",
            "Estonia mobile",
        ):
            assert shown in text

    def test_candidates_periods_and_what_was_passed_over(
        self, engine: sa.Engine, admin: FlaskClient
    ) -> None:
        with engine.begin() as connection:
            connection.execute(t.active_free_seconds.update().values(left_s=0, reserved_s=0))
        text = admin.get(f"/explain/rate?account=baltic-voice&{ASKED}&duration=250").text
        for shown in (
            "Sat 2026-11-21 14:00:00 Europe/Tallinn (+02:00) is a non-working day by calendar "
            "estonia; no period holds",
            "Cheaper than those before it",
            "Dearer by 0.343634 USD",
            "rates match and were passed over",
            "A longer prefix matches",
            "Gift money of package Baltic 500 pays 0.6222 USD (6.25 was left).",
            "The balance pays 0.00 USD.",
        ):
            assert shown in text
        assert 'class="curve chosen"' in text

    def test_a_phone_and_its_month(self, admin: FlaskClient) -> None:
        text = admin.get(f"/explain/rate?phone=37261001&{ASKED}").text
        assert "Phone 37261001 may spend 30.00 USD a month: 17.41 spent, 12.59 left" in text

    def test_no_price(self, admin: FlaskClient) -> None:
        text = admin.get("/explain/rate?account=nordic-agency&number=1&duration=30").text
        assert "The call would be refused:" in text
        assert "No matching rate" in text
        assert "No usable rate for 1" in text

    def test_asking_holds_nothing(self, engine: sa.Engine, admin: FlaskClient) -> None:
        def held() -> tuple[object, ...]:
            with engine.connect() as connection:
                return tuple(
                    connection.scalar(sa.select(sa.func.sum(column)))
                    for column in (
                        t.account_funds.c.reserved,
                        t.active_free_seconds.c.reserved_s,
                        t.active_packages.c.gift_reserved,
                        t.lines.c.used,
                    )
                )

        before = held()
        admin.get(f"/explain/rate?account=baltic-voice&{ASKED}&duration=90")
        admin.get("/explain/call?gateway=baltic-voice-in&caller=1&callee=37255512345")
        assert held() == before

    def test_a_change_of_configuration_is_seen_at_once(
        self, engine: sa.Engine, admin: FlaskClient
    ) -> None:
        question = "/explain/rate?account=atlas-telecom&number=37255512345&duration=30"
        assert "private" not in admin.get(question).text
        with engine.begin() as connection:
            private = sa.select(t.rate_groups.c.id).where(t.rate_groups.c.name == "private-usd")
            connection.execute(
                t.accounts.update()
                .where(t.accounts.c.name == "atlas-telecom")
                .values(private_rate_group_id=private.scalar_subquery())
            )
            version = t.configuration_state.c.version
            connection.execute(t.configuration_state.update().values(version=version + 1))
        assert "private-usd" in admin.get(question).text

    def test_a_rate_is_the_one_of_now(self, engine: sa.Engine, admin: FlaskClient) -> None:
        """Rates are looked up, not remembered."""
        question = "/explain/rate?account=corrientes&number=442071234567&duration=60"
        assert "0.10 for the first 60 s" in admin.get(question).text
        with engine.begin() as connection:
            changed = t.rates.update().where(t.rates.c.prefix == "44")
            connection.execute(changed.values(tiers="0|0:0.77/60/60", sections=""))
        assert "0.77 per 60 s" in admin.get(question).text

    @pytest.mark.parametrize(
        ("query", "message"),
        [
            ("number=", "This is needed."),
            ("number=37", "An account or a phone is needed."),
            ("number=37&account=nobody", "No account is named &#39;nobody&#39;."),
            ("number=37&account=baltic-voice&phone=5", "No phone has the number"),
            ("number=37&account=atlas-telecom&phone=37261001", "is not a phone of account"),
            ("number=3%3Cb%3E&account=baltic-voice", "Digits, * and #"),
            ("number=37&account=baltic-voice&duration=-1", "A whole number from 0 to"),
            ("number=37&account=baltic-voice&duration=99999999999", "A whole number from 0 to"),
            ("number=37&account=baltic-voice&at=soon", "Expected a date and time"),
            ("number=37&account=office-1", "Account office-1 has no rate group."),
        ],
    )
    def test_what_is_wrong_is_said_at_its_field(
        self, admin: FlaskClient, query: str, message: str
    ) -> None:
        response = admin.get(f"/explain/rate?{query}")
        assert response.status_code == 400
        assert message in response.text
        assert "<b>" not in response.text


@pytest.mark.usefixtures("decks")
class TestWhoSeesWhat:
    """An account sees its own part of the chain and what is below it, never what is above."""

    @pytest.fixture
    def reseller(self, app: Flask, engine: sa.Engine, add_user: AddUser) -> FlaskClient:
        return self.client_of(app, engine, add_user, "tallinn-reseller")

    def client_of(
        self, app: Flask, engine: sa.Engine, add_user: AddUser, account: str
    ) -> FlaskClient:
        add_user("bob", "agent")
        with engine.begin() as connection:
            owner = sa.select(t.accounts.c.id).where(t.accounts.c.name == account)
            connection.execute(t.users.update().values(account_id=owner.scalar_subquery()))
        client = app.test_client()
        assert sign_in(client, "bob").status_code == 302
        return client

    def test_what_is_above_is_not_told(self, reseller: FlaskClient) -> None:
        text = reseller.get(f"/explain/rate?account=baltic-voice&{ASKED}&duration=90").text
        assert "Customer <bdi>baltic-voice</bdi>" in text
        assert "Agent <bdi>tallinn-reseller</bdi>" in text
        assert "nordic-agency" not in text

    def test_itself(self, reseller: FlaskClient) -> None:
        text = reseller.get(f"/explain/rate?account=tallinn-reseller&{ASKED}").text
        assert "Customer <bdi>tallinn-reseller</bdi>" in text
        assert "nordic-agency" not in text

    @pytest.mark.parametrize(
        "account", ["nordic-agency", "atlas-telecom", "office-1", "kestrel-carrier", "cash:USD"]
    )
    def test_others_are_not_there(self, reseller: FlaskClient, account: str) -> None:
        """In the very words of an account that does not exist."""
        response = reseller.get(f"/explain/rate?account={account}&{ASKED}")
        unknown = reseller.get(f"/explain/rate?account=x&{ASKED}")
        assert response.status_code == unknown.status_code == 400
        assert f"No account is named &#39;{account}&#39;." in response.text
        assert "No account is named &#39;x&#39;." in unknown.text

    def test_a_stranger_s_phone_is_not_there(
        self, app: Flask, engine: sa.Engine, add_user: AddUser
    ) -> None:
        client = self.client_of(app, engine, add_user, "atlas-telecom")
        for query in ("phone=37261001", "account=atlas-telecom&phone=37261001"):
            response = client.get(f"/explain/rate?{query}&{ASKED}")
            assert response.status_code == 400
            assert "baltic-voice" not in response.text

    def test_only_its_own_accounts_are_offered(self, reseller: FlaskClient) -> None:
        text = reseller.get("/explain/rate").text
        offered = text.partition("<datalist")[2].partition("</datalist>")[0]
        assert "baltic-voice" in offered
        assert "tallinn-reseller" in offered
        assert "atlas-telecom" not in offered
        assert "nordic-agency" not in offered
        assert "A call</a>" not in text


@pytest.mark.usefixtures("decks")
class TestCall:
    QUESTION = f"/explain/call?gateway=baltic-voice-in&caller=37261001&callee=37255512345&at={SATURDAY_NOON}"  # noqa: E501

    def test_admitted(self, admin: FlaskClient) -> None:
        text = admin.get(f"{self.QUESTION}&duration=250").text
        for shown in (
            "Admitted",
            "for 60 s at first, then renewed",
            '60 <span class="muted"><bdi>Baltic 500</bdi></span>',
            "Agent <a href=",
            "How it was decided",
            "kestrel-carrier-out",
            "a call of 250 s",
        ):
            assert shown in text

    def test_a_phone_s_month(self, engine: sa.Engine, admin: FlaskClient) -> None:
        with engine.begin() as connection:
            connection.execute(t.mapping_gateways.update().values(allow_phone_billing=True))
            connection.execute(t.active_free_seconds.update().values(left_s=0, reserved_s=0))
        text = admin.get(self.QUESTION).text
        assert "Billed to phone <bdi>37261001</bdi>" in text
        assert "17.41 of 30.00 spent, 0.00 held for other calls, 0.2318 for this one" in text

    def test_refused(self, admin: FlaskClient) -> None:
        text = admin.get("/explain/call?gateway=delta-retail-in&caller=1&callee=4930123").text
        assert "Refused: the account is locked" in text
        assert "SIP 403 Forbidden, Q.850 cause 21" in text

    def test_bad_questions(self, admin: FlaskClient) -> None:
        for query, message in (
            ("callee=37", "This is needed."),
            ("callee=37&gateway=none", "No mapping gateway is named"),
            ("callee=a;b&gateway=baltic-voice-in", "Digits, * and #"),
        ):
            response = admin.get(f"/explain/call?{query}")
            assert response.status_code == 400, query
            assert message in response.text


class TestChart:
    def test_steps(self) -> None:
        """A minute at 0.20 and half a minute at 0.15, up to 3:00 on a scale of 1."""
        prices = [
            ("a", Pricing(0, "", parse_tariff("0|0:0.2/60/60"), Terms("USD")), True),
            ("b", Pricing(0, "", parse_tariff("0|0:0.3/60/30"), Terms("USD")), False),
        ]
        chart = price_chart(prices, 60, 0)
        assert (chart.top, chart.seconds, chart.ticks) == (Decimal(1), 180, (0, 45, 90, 135, 180))
        assert chart.curves[0].steps == (f"M0 {HEIGHT}.0H0.0V192.0H240.0V144.0H480.0V96.0H{WIDTH}")
        assert chart.curves[1].steps.count("H") == 7
        assert (chart.asked_x, chart.asked_y) == (240, 192)

    @pytest.mark.parametrize("asked_s", [0, 1, 3_600, 100_000])
    def test_any_length_and_a_price_of_nothing(self, asked_s: int) -> None:
        free = Pricing(0, "", parse_tariff("0|0:0/60/60"), Terms("USD"))
        chart = price_chart([("free", free, True)], asked_s, 0)
        assert chart.curves[0].steps == f"M0 {HEIGHT}.0H{WIDTH}"
        assert 0 <= chart.asked_x <= WIDTH
        assert chart.seconds <= 7_200
