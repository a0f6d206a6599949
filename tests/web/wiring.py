"""The web's services on an engine, as bootstrap builds them."""

import sqlalchemy as sa

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
from controller.services.passwords import Passwords
from controller.services.payments import Payments
from controller.services.payments.pending import PendingPayments
from controller.services.phones.service import Phones
from controller.services.ports import Clock
from controller.services.second_factor import Seal, SecondFactor
from controller.services.sign_in import SignIn
from controller.services.sign_in_log import AuditedSignIn
from controller.services.users import Users
from controller.services.views import WebServices
from controller.services.views.coverage import CoverageWatch
from controller.services.views.denials import Denials
from controller.services.views.explain import ExplainView
from controller.services.views.hang_ups import HangUps


def web_services(engine: sa.Engine, clock: Clock, passwords: Passwords) -> WebServices:
    configurations = LookupConfigurations(engine)
    users = Users(PostgresUserDirectory(engine), passwords)
    tokens = ApiTokens(PostgresTokens(engine), users, clock)
    second_factor = SecondFactor(PostgresSecondFactors(engine), Seal(b"a test's secret"), clock)
    audit = PostgresAudit(engine)
    billing = BillingRun(PostgresBilling(engine), clock)
    card_store, card_seal = PostgresCards(engine), CardSeal(b"a test's secret")
    sign_in = SignIn(
        PostgresUsers(engine),
        passwords,
        clock,
        second_factor=second_factor,
        events=AuditedSignIn(audit),
    )
    return WebServices(
        sign_in=sign_in,
        users=users,
        tokens=tokens,
        own_security=OwnSecurity(sign_in, second_factor, users, audit),
        live_calls=PostgresLiveCalls(engine),
        hang_ups=HangUps(
            PostgresCallCommands(engine),
            PostgresLiveCalls(engine),
            PostgresCdrs(engine),
            Denials(PostgresOwners(engine), PostgresAudit(engine)),
        ),
        cdrs=PostgresCdrs(engine),
        accounts=PostgresAccounts(engine),
        dashboard=PostgresDashboard(engine, clock),
        rates=PostgresRates(engine),
        explain=ExplainView(configurations, PostgresHoldings(engine)),
        coverage=CoverageWatch(PostgresCoverage(engine), clock, configurations.version),
        denials=Denials(PostgresOwners(engine), PostgresAudit(engine)),
        account_records=Accounts(PostgresAccountStore(engine)),
        cards=Cards(card_store, card_seal, billing, audit),
        card_payments=CardPayments(card_store, card_seal, billing, audit),
        phones=Phones(PostgresPhones(engine)),
        mapping_gateways=MappingGateways(PostgresGateways(engine)),
        routing_gateways=RoutingGateways(PostgresGateways(engine)),
        audit=PostgresAudit(engine),
        books=PostgresBooks(engine),
        payments=Payments(
            Movements(PostgresMovements(engine)),
            BillingRun(PostgresBilling(engine), clock),
            PostgresPayments(engine),
            PostgresAudit(engine),
        ),
        pending_payments=PendingPayments(TwoPhase(PostgresMovements(engine))),
        decks=DeckReview(PostgresStagedDecks(engine), clock),
        packages=PackageDesk(
            PostgresRecords(engine),
            Subscriptions(PostgresSubscriptions(engine), clock),
            clock,
        ),
        database=PostgresProbe(engine),
        api_callers=tokens,
        api_replies=PostgresReplies(engine),
        clock=clock,
    )
