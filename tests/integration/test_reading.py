"""How pages read the database."""

from decimal import Decimal

import pytest
import sqlalchemy as sa

from controller.domain.errors import StoreUnavailable
from controller.persistence.schema import accounts
from controller.persistence.views import reading as reading_module
from controller.persistence.views.reading import reading

pytestmark = pytest.mark.postgres


def test_nothing_is_written(engine: sa.Engine) -> None:
    with pytest.raises(sa.exc.DBAPIError, match="read-only"), reading(engine) as connection:
        connection.execute(accounts.insert().values(name="x", kind="ordinary", currency="USD"))


def test_what_takes_too_long_is_given_up(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_module, "STATEMENT_TIMEOUT_S", Decimal("0.05"))
    with pytest.raises(StoreUnavailable), reading(engine) as connection:
        connection.execute(sa.text("SELECT pg_sleep(3)"))


def test_a_plan_is_made_for_the_values_at_hand(engine: sa.Engine) -> None:
    """Also when the same statement has run so often that a plan for all values would be kept."""
    for _ in range(20):
        with reading(engine) as connection:
            found = sa.select(accounts.c.id).where(accounts.c.name == "somebody")
            assert connection.scalar(found) is None
    plans = "SELECT sum(generic_plans), sum(custom_plans) > 9 FROM pg_prepared_statements"
    with reading(engine) as connection:
        assert connection.execute(sa.text(plans)).one() == (0, True)
