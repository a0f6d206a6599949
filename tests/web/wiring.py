"""The web's services on an engine, as bootstrap builds them."""

import sqlalchemy as sa

from controller.persistence.users import PostgresUsers
from controller.persistence.views.accounts import PostgresAccounts
from controller.persistence.views.cdrs import PostgresCdrs
from controller.persistence.views.dashboard import PostgresDashboard
from controller.persistence.views.live_calls import PostgresLiveCalls
from controller.persistence.views.reading import PostgresProbe
from controller.services.passwords import Passwords
from controller.services.ports import Clock
from controller.services.sign_in import SignIn
from controller.services.views import WebServices


def web_services(engine: sa.Engine, clock: Clock, passwords: Passwords) -> WebServices:
    return WebServices(
        sign_in=SignIn(PostgresUsers(engine), passwords, clock),
        live_calls=PostgresLiveCalls(engine),
        cdrs=PostgresCdrs(engine),
        accounts=PostgresAccounts(engine),
        dashboard=PostgresDashboard(engine, clock),
        database=PostgresProbe(engine),
        clock=clock,
    )
