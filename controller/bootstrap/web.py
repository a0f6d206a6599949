"""The web application's services."""

import os
import secrets

import sqlalchemy as sa

from controller.bootstrap.foundations import SystemClock, engine
from controller.config import Settings
from controller.persistence.account_store import PostgresAccountStore
from controller.persistence.audit_store import PostgresAudit
from controller.persistence.billing_store import PostgresBilling
from controller.persistence.call_commands import PostgresCallCommands
from controller.persistence.card_store import PostgresCards
from controller.persistence.coverage_store import PostgresCoverage
from controller.persistence.gateway_store import PostgresGateways
from controller.persistence.holdings_reader import PostgresHoldings
from controller.persistence.ledger_store import PostgresBooks
from controller.persistence.movement_store import PostgresMovements
from controller.persistence.package_store import PostgresSubscriptions
from controller.persistence.payment_store import PostgresPayments
from controller.persistence.phone_store import PostgresPhones
from controller.persistence.rate_lookup import LookupConfigurations
from controller.persistence.reply_store import PostgresReplies
from controller.persistence.second_factor_store import PostgresSecondFactors
from controller.persistence.staged_deck_store import PostgresStagedDecks
from controller.persistence.token_store import PostgresTokens
from controller.persistence.user_store import PostgresUserDirectory
from controller.persistence.users import PostgresUsers
from controller.persistence.views.accounts import PostgresAccounts
from controller.persistence.views.cdrs import PostgresCdrs
from controller.persistence.views.dashboard import PostgresDashboard
from controller.persistence.views.live_calls import PostgresLiveCalls
from controller.persistence.views.owners import PostgresOwners
from controller.persistence.views.rates import PostgresRates
from controller.persistence.views.reading import PostgresProbe
from controller.persistence.views.recurring import PostgresRecords
from controller.services.accounts.service import Accounts
from controller.services.api_tokens import ApiTokens
from controller.services.billing_run.desk import PackageDesk
from controller.services.billing_run.orders import Subscriptions
from controller.services.billing_run.run import BillingRun
from controller.services.cards import CardPayments, Cards, CardSeal
from controller.services.decks.review import DeckReview
from controller.services.gateways.mapping import MappingGateways
from controller.services.gateways.routing import RoutingGateways
from controller.services.movements.run import Movements
from controller.services.movements.two_phase import TwoPhase
from controller.services.own_security import OwnSecurity
from controller.services.passwords import Argon2Passwords
from controller.services.payments import Payments
from controller.services.payments.pending import PendingPayments
from controller.services.phones.service import Phones
from controller.services.second_factor import Seal, SecondFactor
from controller.services.sign_in import SignIn, SignInSettings
from controller.services.sign_in_log import AuditedSignIn
from controller.services.users import Users
from controller.services.views import WebServices
from controller.services.views.coverage import CoverageWatch
from controller.services.views.denials import Denials
from controller.services.views.explain import ExplainView
from controller.services.views.hang_ups import HangUps

SECRET_BYTES = 32


def web_services(settings: Settings) -> WebServices:
    """Everything that `web.create_app` is given."""
    database, clock = engine(settings), SystemClock()
    configurations = LookupConfigurations(database)
    passwords, seal = Argon2Passwords(), Seal(web_secret(settings))
    users = Users(PostgresUserDirectory(database), passwords)
    tokens = ApiTokens(PostgresTokens(database), users, clock)
    second_factor = SecondFactor(PostgresSecondFactors(database), seal, clock)
    audit = PostgresAudit(database)
    cards, card_payments = phone_cards(settings, database)
    sign_in = SignIn(
        PostgresUsers(database),
        passwords,
        clock,
        SignInSettings(
            name_failures=settings.lockout_failures,
            window_s=60 * settings.lockout_minutes,
            min_password=settings.password_length,
        ),
        second_factor=second_factor,
        events=AuditedSignIn(audit),
    )
    return WebServices(
        sign_in=sign_in,
        users=users,
        tokens=tokens,
        own_security=OwnSecurity(sign_in, second_factor, users, audit),
        live_calls=PostgresLiveCalls(database),
        hang_ups=HangUps(
            PostgresCallCommands(database),
            PostgresLiveCalls(database),
            PostgresCdrs(database),
            Denials(PostgresOwners(database), PostgresAudit(database)),
        ),
        cdrs=PostgresCdrs(database),
        accounts=PostgresAccounts(database),
        dashboard=PostgresDashboard(database, clock),
        rates=PostgresRates(database),
        explain=ExplainView(configurations, PostgresHoldings(database)),
        coverage=CoverageWatch(PostgresCoverage(database), clock, configurations.version),
        denials=Denials(PostgresOwners(database), PostgresAudit(database)),
        account_records=Accounts(PostgresAccountStore(database)),
        cards=cards,
        card_payments=card_payments,
        phones=Phones(PostgresPhones(database)),
        mapping_gateways=MappingGateways(PostgresGateways(database)),
        routing_gateways=RoutingGateways(PostgresGateways(database)),
        audit=PostgresAudit(database),
        books=PostgresBooks(database),
        payments=Payments(
            Movements(PostgresMovements(database)),
            BillingRun(PostgresBilling(database), clock),
            PostgresPayments(database),
            PostgresAudit(database),
        ),
        pending_payments=PendingPayments(TwoPhase(PostgresMovements(database))),
        decks=DeckReview(PostgresStagedDecks(database), clock),
        packages=PackageDesk(
            PostgresRecords(database),
            Subscriptions(PostgresSubscriptions(database), clock),
            clock,
        ),
        database=PostgresProbe(database),
        api_callers=tokens,
        api_replies=PostgresReplies(database),
        clock=clock,
    )


def phone_cards(settings: Settings, database: sa.Engine) -> tuple[Cards, CardPayments]:
    """Their stock, and recharging with them: both know PINs by the installation's secret."""
    seal = CardSeal(web_secret(settings))
    store, audit = PostgresCards(database), PostgresAudit(database)
    billing = BillingRun(PostgresBilling(database), SystemClock())
    return Cards(store, seal, billing, audit), CardPayments(store, seal, billing, audit)


def web_secret(settings: Settings) -> bytes:
    """The key that signs form cookies: made once, the same for every process and restart."""
    path = settings.data_dir / "web_secret"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(descriptor, "wb") as file:
        secret = secrets.token_bytes(SECRET_BYTES)
        file.write(secret)
    return secret
