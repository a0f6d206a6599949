"""The web's services on an engine, as bootstrap builds them."""

import sqlalchemy as sa

from controller.persistence.coverage_store import PostgresCoverage
from controller.persistence.holdings_reader import PostgresHoldings
from controller.persistence.rate_lookup import LookupConfigurations
from controller.persistence.users import PostgresUsers
from controller.persistence.views.accounts import PostgresAccounts
from controller.persistence.views.cdrs import PostgresCdrs
from controller.persistence.views.dashboard import PostgresDashboard
from controller.persistence.views.live_calls import PostgresLiveCalls
from controller.persistence.views.rates import PostgresRates
from controller.persistence.views.reading import PostgresProbe
from controller.services.passwords import Passwords
from controller.services.ports import Clock
from controller.services.sign_in import SignIn
from controller.services.views import WebServices
from controller.services.views.coverage import CoverageWatch
from controller.services.views.explain import ExplainView


def web_services(engine: sa.Engine, clock: Clock, passwords: Passwords) -> WebServices:
    configurations = LookupConfigurations(engine)
    return WebServices(
        sign_in=SignIn(PostgresUsers(engine), passwords, clock),
        live_calls=PostgresLiveCalls(engine),
        cdrs=PostgresCdrs(engine),
        accounts=PostgresAccounts(engine),
        dashboard=PostgresDashboard(engine, clock),
        rates=PostgresRates(engine),
        explain=ExplainView(configurations, PostgresHoldings(engine)),
        coverage=CoverageWatch(PostgresCoverage(engine), clock, configurations.version),
        database=PostgresProbe(engine),
        clock=clock,
    )
