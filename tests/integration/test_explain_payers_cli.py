"""`tollgate explain` with agents, packages and phones: every payer's figures are its charges."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from controller.cli.explain import explain_group
from controller.config import Settings
from controller.domain.admission import AdmissionRules
from controller.persistence import schema as t
from controller.services.journal_entries import Admit
from tests.integration.command_line import Ran, run, settings_for
from tests.integration.placed_calls import Caller
from tests.seed import Agent, Seed, plant

pytestmark = pytest.mark.postgres
RATE = ("rate", "--account", "customer", "--number", "390612")


@pytest.fixture
def settings(engine: sa.Engine, database_url: str, tmp_path: Path) -> Settings:
    """A customer with a package, its agent, and the agent above that, each with other prices."""
    seed = Seed(
        (5061,),
        sell={"39": "0|0:=0.21;180:0.15/60/60"},
        tax_percent=Decimal(10),
        cost={"39": "0|0:0.05/60/1"},
        agents=(
            Agent("nearest", sell={"3906": "0|0:0.10/60/60"}, tax_percent=Decimal(22)),
            Agent("top", sell={"*": "0|0:0.08/60/1"}),
        ),
        free_s=90,
        gift=Decimal("0.10"),
    )
    plant(engine, seed)
    return settings_for(database_url, tmp_path)


def explain(settings: Settings, *arguments: str) -> Ran:
    return run(explain_group, settings, *arguments, "--json")


class TestRate:
    @pytest.mark.parametrize("talked_s", [1, 90, 91, 271, 400])
    def test_the_explanation_is_the_charge_of_every_payer(
        self, settings: Settings, engine: sa.Engine, talked_s: int
    ) -> None:
        reply = explain(settings, *RATE, "--duration", str(talked_s)).json
        caller = Caller(engine, settings.database_url or "")
        ticket = caller.draft()
        caller.store.commit([Admit(ticket, AdmissionRules(quantum_s=600))])
        caller.settle(ticket, talked_s)
        caller.close()
        assert [figures(party["bill"]) for party in reply["parties"]] == charges(engine)
        assert [p["account"] for p in reply["parties"]] == ["customer", "nearest", "top"]
        assert [p["role"] for p in reply["parties"]] == ["customer", "agent", "agent"]
        assert Decimal(reply["due"]) == posted(engine)

    def test_the_customer_s_figures_stand_where_scripts_look(self, settings: Settings) -> None:
        reply = explain(settings, *RATE, "--duration", "271").json
        assert {
            name: reply[name]
            for name in ("net", "tax", "gross", "billed_s", "prefix", "free_s", "gift", "due")
        } == {
            "net": "0.36",
            "tax": "0.036",
            "gross": "0.396",
            "billed_s": 240,
            "prefix": "39",
            "free_s": 90,
            "gift": "0.1",
            "due": "0.296",
        }
        assert [line["text"] for line in reply["lines"]] == ["0:=0.21", "180:0.15/60/60"]
        assert reply["words"][1:3] == [
            "Package customer-package gives 90 free seconds (in steps of 1 s; 90 s were left).",
            "90 s are free: the other 181 s are priced as a call of their own.",
        ]

    def test_an_agent_without_a_rate(self, settings: Settings, engine: sa.Engine) -> None:
        lock(engine, "3906")
        ran = explain(settings, *RATE, "--duration", "60")
        assert ran.status == 0, "the customer has its price"
        assert ran.json["refused"]["reason"] == "no_matching_rate"
        assert [party["bill"] is None for party in ran.json["parties"]] == [False, True, False]
        (candidate,) = ran.json["parties"][1]["candidates"]
        assert [row["verdict"] for row in candidate["rates"]] == ["locked"]

    def test_no_rate_is_status_1_and_says_what_was_passed_over(
        self, settings: Settings, engine: sa.Engine
    ) -> None:
        lock(engine, "39")
        ran = explain(settings, *RATE, "--duration", "60")
        assert (ran.status, ran.json["net"], ran.json["lines"]) == (1, None, None)
        assert ran.err == "tollgate: no matching rate for 390612\n"
        (candidate,) = ran.json["parties"][0]["candidates"]
        assert (candidate["verdict"], candidate["rates"][0]["verdict"]) == ("no_price", "locked")

    def test_a_phone_stands_for_its_account(self, settings: Settings, engine: sa.Engine) -> None:
        phone(engine, "4420", rate={"39": "0|0:0.01/60/60"}, monthly_maximum=Decimal(30))
        arguments = ("rate", "--phone", "4420", "--number", "390612", "--duration", "120")
        reply = explain(settings, *arguments).json
        assert (reply["account"], reply["phone"]) == ("customer", "4420")
        assert [(c["source"], c["verdict"]) for c in reply["parties"][0]["candidates"]] == [
            ("phone 4420", "chosen"),
            ("rate group", "dearer"),
        ]
        assert reply["month"]["left"] == "30"
        assert explain(settings, *RATE, "--duration", "1", "--phone", "77").status == 2

    def test_a_deck_with_sections(self, tmp_path: Path) -> None:
        """Spec §2.5: the three readings of one table, 150 s."""
        deck = tmp_path / "deck.csv"
        deck.write_text(
            "prefix,tiers,sections\n39,0|0:0.05/60/30,60:0.10;120:0.18;180:0.25\n",
            encoding="utf-8",
        )
        offline = settings_for("postgresql://127.0.0.1:1/none", tmp_path)
        arguments = ("rate", "--deck", str(deck), "--number", "39", "--duration", "150")
        found = {
            mode: explain(offline, *arguments, "--section-mode", mode).json["net"]
            for mode in ("increment", "cumulative_step", "cumulative_regular")
        }
        assert found == {
            "increment": "0.28",
            "cumulative_step": "0.25",
            "cumulative_regular": "0.205",
        }
        assert explain(offline, *arguments).json["net"] == "0.28"
        assert explain(offline, *arguments, "--section-mode", "odd").status == 2


class TestCall:
    def test_what_is_held_of_every_payer(self, settings: Settings, engine: sa.Engine) -> None:
        """As the call's own row has it afterward."""
        reply = explain(settings, "call", "--from", "1", "--to", "390612345678").json
        caller = Caller(engine, settings.database_url or "")
        caller.admit()
        caller.close()
        with engine.connect() as connection:
            row = connection.execute(sa.select(t.calls)).one()
        assert [Decimal(payer["reserved"]) for payer in reply["payers"]] == row.payer_reserved
        assert [payer["held_free_s"] for payer in reply["payers"]] == [row.free_reserved[0], 0, 0]
        assert reply["payers"][0]["benefits"] == [
            {"package": "customer-package", "free_s": 60, "gift": "0"}
        ]
        assert reply["reserved"] == reply["payers"][0]["reserved"] == "0"

    def test_what_people_see(self, settings: Settings) -> None:
        ran = run(explain_group, settings, "call", "--from", "1", "--to", "390612345678")
        assert ran.status == 0
        assert "Held for the call" in ran.out
        assert any(line.startswith("agent nearest") for line in ran.out.splitlines())

    def test_a_phone_s_month(self, settings: Settings, engine: sa.Engine) -> None:
        number = phone(engine, "4420", rate={"39": "0|0:1/60/60"}, monthly_maximum=Decimal(2))
        with engine.begin() as connection:
            connection.execute(t.mapping_gateways.update().values(allow_phone_billing=True))
            connection.execute(t.active_free_seconds.update().values(left_s=0))
            connection.execute(
                t.phone_months.insert().values(
                    phone_id=number, month=f"{datetime.now(UTC):%Y-%m}-01", consumed=1
                )
            )
        ran = explain(settings, "call", "--from", "4420", "--to", "390612345678")
        assert (ran.status, ran.json["phone"]) == (0, "4420")
        month = {name: ran.json["month"][name] for name in ("maximum", "consumed", "left", "held")}
        assert month == {"maximum": "2", "consumed": "1", "left": "1", "held": "0.231"}
        with engine.begin() as connection:
            connection.execute(t.phone_months.update().values(consumed=2))
        refused = explain(settings, "call", "--from", "4420", "--to", "390612345678")
        assert (refused.status, refused.json["reason"]) == (1, "monthly_maximum")


def figures(bill: dict[str, Any]) -> tuple[object, ...]:
    return (
        bill["prefix"],
        bill["billed_s"],
        Decimal(bill["net"]),
        Decimal(bill["tax"]),
        bill["exact"],
        bill["free_s"],
        Decimal(bill["gift"]),
    )


def charges(engine: sa.Engine) -> list[tuple[object, ...]]:
    """The lines of the only call, the customer's first."""
    line = t.cdr_charges.c
    columns = (line.prefix, line.billed_s, line.net, line.tax, line.raw, line.free_s, line.gift)
    with engine.connect() as connection:
        rows = connection.execute(sa.select(*columns).where(line.party >= 0).order_by(line.party))
        return [tuple(row) for row in rows]


def posted(engine: sa.Engine) -> Decimal:
    """What the customer's balance paid for its calls."""
    with engine.connect() as connection:
        row = connection.execute(
            sa.text(
                "SELECT coalesce(sum(CASE WHEN p.kind = 'opening' OR p.kind = 'payment' THEN 0"
                " WHEN p.debit_account_id = a.id THEN p.amount ELSE -p.amount END), 0) AS paid"
                " FROM accounts a JOIN postings p"
                " ON a.id IN (p.debit_account_id, p.credit_account_id) WHERE a.name = 'customer'"
            )
        ).one()
    return Decimal(row.paid)


def lock(engine: sa.Engine, prefix: str) -> None:
    with engine.begin() as connection:
        connection.execute(t.rates.update().where(t.rates.c.prefix == prefix).values(locked=True))


def phone(engine: sa.Engine, number: str, rate: dict[str, str], **columns: object) -> int:
    """A phone of the customer's with rates of its own; its id."""
    with engine.begin() as connection:
        group = connection.execute(
            t.rate_groups.insert()
            .values(name=f"phone {number}", currency="USD", decimals=6)
            .returning(t.rate_groups.c.id)
        ).scalar_one()
        rows = [{"rate_group_id": group, "prefix": p, "tiers": tiers} for p, tiers in rate.items()]
        connection.execute(t.rates.insert(), rows)
        owner = connection.scalar(sa.select(t.accounts.c.id).where(t.accounts.c.name == "customer"))
        made = t.phones.insert().values(
            number=number, account_id=owner, rate_group_id=group, **columns
        )
        return int(connection.execute(made.returning(t.phones.c.id)).scalar_one())
