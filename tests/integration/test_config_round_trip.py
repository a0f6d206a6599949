"""export ∘ apply is the identity, from whatever state the database was in before."""

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings

from controller.persistence.config_reader import load_configuration
from controller.persistence.config_writer import PostgresConfigurationStore
from controller.services.config_as_code import service
from controller.services.config_as_code.export import export
from controller.services.config_as_code.sections import read_configuration
from tests.integration.account_office import ROOT
from tests.integration.drawn_configurations import Drawn, configurations
from tests.unit.services.config_texts import MemoryDecks

pytestmark = pytest.mark.postgres


@settings(
    max_examples=60,
    deadline=None,
    # one database for all examples on purpose: each starts from what the last one left
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(drawn=configurations())
def test_what_is_applied_is_what_is_exported(engine: sa.Engine, drawn: Drawn) -> None:
    text = drawn.text()
    store = PostgresConfigurationStore(engine)
    reading = read_configuration(text, MemoryDecks())
    applied = service.apply(ROOT, store, reading, prune=True, approve=lambda _: True)
    assert applied.review.problems == ()
    assert export(store, None) == text
    again = service.apply(ROOT, store, reading, prune=True, approve=lambda _: True)
    assert (again.version, again.review.difference.kept) == (None, ())
    loaded = load_configuration(engine)
    assert loaded.parameters == drawn.stored.parameters
    assert loaded.phones.keys() == drawn.stored.phones.keys()
    with_periods = {g.name for g in loaded.rate_groups.values() if g.periods is not None}
    assert with_periods == {g.name for g in drawn.stored.rate_groups.values() if g.period_rates}
