"""What the web application is given."""

from dataclasses import dataclass
from typing import Protocol

from controller.services.accounts.service import Accounts
from controller.services.api_callers import CallerSource, ReplyStore
from controller.services.api_tokens import ApiTokens
from controller.services.audit import AuditLog
from controller.services.billing_run.desk import PackageDesk
from controller.services.books import Books
from controller.services.cards import CardPayments, Cards
from controller.services.decks.review import DeckReview
from controller.services.gateways.mapping import MappingGateways
from controller.services.gateways.routing import RoutingGateways
from controller.services.own_security import OwnSecurity
from controller.services.payments import Payments
from controller.services.payments.pending import PendingPayments
from controller.services.phones.service import Phones
from controller.services.ports import Clock
from controller.services.sign_in import SignIn
from controller.services.users import Users
from controller.services.views.accounts import AccountView
from controller.services.views.cdrs import CdrView
from controller.services.views.coverage import CoverageWatch
from controller.services.views.dashboard import DashboardView
from controller.services.views.denials import Denials
from controller.services.views.explain import ExplainView
from controller.services.views.hang_ups import HangUps
from controller.services.views.live_calls import LiveCallView
from controller.services.views.rates import RateView


class DatabaseProbe(Protocol):
    def check(self) -> None:
        """Returns when the database answers."""


@dataclass(frozen=True, slots=True)
class WebServices:
    """All that the web application needs; `bootstrap` fills it."""

    sign_in: SignIn
    users: Users
    tokens: ApiTokens
    own_security: OwnSecurity
    live_calls: LiveCallView
    hang_ups: HangUps
    cdrs: CdrView
    accounts: AccountView
    dashboard: DashboardView
    rates: RateView
    explain: ExplainView
    coverage: CoverageWatch
    denials: Denials
    account_records: Accounts
    cards: Cards
    card_payments: CardPayments
    phones: Phones
    mapping_gateways: MappingGateways
    routing_gateways: RoutingGateways
    audit: AuditLog
    books: Books
    payments: Payments
    pending_payments: PendingPayments
    decks: DeckReview
    packages: PackageDesk
    database: DatabaseProbe
    api_callers: CallerSource
    api_replies: ReplyStore
    clock: Clock
