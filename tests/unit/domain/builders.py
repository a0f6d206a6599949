"""A small world for tests: one customer with a trunk, vendors with trunks, rates and routes.

Every builder takes what a test is about by keyword and fills in the rest.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from controller.domain.admission import Admitted
from controller.domain.billing import Payer, bill, worst_charge
from controller.domain.call_record import RecordRules
from controller.domain.configuration import (
    Account,
    AccountKind,
    CallParameters,
    Configuration,
    MappingGateway,
    Phone,
    Route,
    RoutingGateway,
    index_routes,
    index_sources,
)
from controller.domain.events import AttemptEnded, CallAnswered, CallEnded, CallOffered
from controller.domain.holdings import Held, Hold, LineKey, Lines
from controller.domain.money import Rounding
from controller.domain.packages import ActivePackage, shelve
from controller.domain.pricing import Pricing
from controller.domain.rates import Rate, RateGroup, index_rates
from controller.domain.settlement import Settlement, settle
from controller.domain.tariff import Tariff, Terms, parse_tariff
from controller.domain.ticket import Ticket, TicketAttempt

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
NOW_US = int(NOW.timestamp()) * 1_000_000
SECOND_US = 1_000_000

SWITCH = "fs1"
CUSTOMER = 1
TRUNK = 101
TRUNK_IP, TRUNK_PORT = "192.0.2.10", 5060
VENDOR_ACCOUNTS = {"alpha": 11, "beta": 12, "gamma": 13}
VENDOR_GATEWAYS = {"alpha": 201, "beta": 202, "gamma": 203}
SELL, BUY = 1001, 1002
CALLER, CALLEE = "442071234567", "390212345678"


def call_id(number: int = 1) -> str:
    return f"c0000000-0000-4000-8000-{number:012d}"


def leg_id(number: int = 1) -> str:
    return f"1e900000-0000-4000-8000-{number:012d}"


def pricing(
    tiers: str = "0|0:0.06/60/60",
    *,
    account_id: int = CUSTOMER,
    prefix: str = "39",
    tax: str = "0",
    currency: str = "EUR",
    decimals: int = 6,
    rounding: Rounding = Rounding.HALF_UP,
) -> Pricing:
    terms = Terms(currency, decimals, rounding)
    return Pricing(account_id, prefix, parse_tariff(tiers), terms, Decimal(tax))


def ticket_attempt(vendor: str = "alpha", leg: str = "", **changes: Any) -> TicketAttempt:
    attempt = TicketAttempt(
        leg or leg_id(VENDOR_GATEWAYS[vendor]),
        VENDOR_GATEWAYS[vendor],
        vendor,
        CALLER,
        CALLEE,
        pricing("0|0:0.02/60/1", account_id=VENDOR_ACCOUNTS[vendor]),
    )
    return replace(attempt, **changes)


def payer(
    *pricings: Pricing, account_id: int = CUSTOMER, name: str = "customer", **changes: Any
) -> Payer:
    return replace(Payer(account_id, name, pricings or (pricing(),)), **changes)


def held(*reserved: str) -> Held:
    """What payers without packages hold."""
    return Held(tuple(Hold(Decimal(amount)) for amount in reserved))


def admitted(granted_s: int, reserved: str, *vendors: int, of: Ticket) -> Admitted:
    """The outcome of an admission of a ticket with one payer."""
    return Admitted(granted_s, replace(held(reserved), gateway_ids=vendors), of.payers)


def extended(granted_s: int, reserved: str, of: Ticket) -> Admitted:
    return Admitted(granted_s, held(reserved), of.payers)


def settled(of: Ticket, end: CallEnded, granted_s: int, threshold_ms: int = 50) -> Settlement:
    """The settlement of a call whose payers hold exactly what was granted."""
    offered_s = of.offered_us // SECOND_US
    price_of = worst_charge(offered_s, offered_s + of.setup_s)
    bills = [bill(p, of.rated_time.rated_s(granted_s), (), (), price_of) for p in of.payers]
    holds = Held(tuple(Hold(owed.due) for owed in bills))
    return settle(of, end, granted_s, holds, RecordRules(threshold_ms))


def free_lines(trunk: int | None = None, vendor: int | None = None) -> dict[LineKey, Lines]:
    """Lines of the customer's trunk and of every vendor's, none in use; their capacities."""
    lines: dict[LineKey, Lines] = {("mapping", TRUNK): Lines(0, trunk)}
    lines |= {("routing", gateway): Lines(0, vendor) for gateway in VENDOR_GATEWAYS.values()}
    return lines


def ticket(*vendors: str, sale: Pricing | None = None, **changes: Any) -> Ticket:
    """`sale` is the price of the only payer, the customer."""
    if sale is not None:
        changes["payers"] = (payer(sale, account_id=sale.account_id),)
    made = Ticket(
        call_id=call_id(),
        switch_id=SWITCH,
        offered_us=NOW_US,
        account_id=CUSTOMER,
        account="customer",
        mapping_gateway_id=TRUNK,
        mapping_gateway="customer-trunk",
        caller=CALLER,
        callee=CALLEE,
        payers=(payer(),),
        attempts=tuple(ticket_attempt(vendor) for vendor in vendors or ("alpha", "beta")),
        max_duration_s=7200,
        trace=(("identify", "found", "customer-trunk"),),
    )
    return replace(made, **changes)


def offered(**changes: Any) -> CallOffered:
    event = CallOffered(
        switch_id=SWITCH,
        call_id=call_id(),
        offered_us=NOW_US,
        source_ip=TRUNK_IP,
        source_port=TRUNK_PORT,
        caller=CALLER,
        caller_name="Alice",
        callee=CALLEE,
        sip_call_id="abc@192.0.2.10",
    )
    return replace(event, **changes)


def answered(leg: str = "", *, after_s: float = 0.0, **changes: Any) -> CallAnswered:
    event = CallAnswered(
        SWITCH,
        call_id(),
        NOW_US + int(after_s * SECOND_US),
        leg or leg_id(VENDOR_GATEWAYS["alpha"]),
    )
    return replace(event, **changes)


def ended(
    *, rang_s: float | None = 1.0, talked_s: float | None = None, **changes: Any
) -> CallEnded:
    """A call's end: `talked_s` None for one that was never answered, two seconds of set-up."""
    answered_us = NOW_US + 2 * SECOND_US if talked_s is not None else 0
    talked_us = round((talked_s or 0) * SECOND_US)
    event = CallEnded(
        switch_id=SWITCH,
        call_id=call_id(),
        offered_us=NOW_US,
        ringing_us=NOW_US + round(rang_s * SECOND_US) if rang_s is not None else 0,
        answered_us=answered_us,
        ended_us=NOW_US + 2 * SECOND_US + talked_us,
        cause="NORMAL_CLEARING" if answered_us else "NO_ANSWER",
        q850=16 if answered_us else 19,
        sip_status=200 if answered_us else 480,
        hangup_by_caller=False,
        platform_reason="",
        connected_leg=leg_id(VENDOR_GATEWAYS["alpha"]) if answered_us else "",
        attempted_legs=(leg_id(VENDOR_GATEWAYS["alpha"]),),
        source_ip=TRUNK_IP,
        source_port=TRUNK_PORT,
        caller=CALLER,
        caller_name="Alice",
        callee=CALLEE,
        sip_call_id="abc@192.0.2.10",
    )
    return replace(event, **changes)


def attempt_ended(vendor: str = "alpha", number: int = 1, **changes: Any) -> AttemptEnded:
    event = AttemptEnded(
        switch_id=SWITCH,
        call_id=call_id(),
        leg_id=leg_id(VENDOR_GATEWAYS[vendor]),
        number=number,
        gateway=vendor,
        started_us=NOW_US,
        ringing_us=0,
        answered_us=0,
        ended_us=NOW_US + SECOND_US,
        cause="NORMAL_TEMPORARY_FAILURE",
        q850=41,
        sip_status=503,
        hangup_by_remote=True,
    )
    return replace(event, **changes)


EURO = Terms("EUR")
CUSTOMER_ACCOUNT = Account(CUSTOMER, "customer", AccountKind.ORDINARY, "EUR", rate_group_id=SELL)
CUSTOMER_TRUNK = MappingGateway(TRUNK, "customer-trunk", CUSTOMER, ((TRUNK_IP, TRUNK_PORT),))


def rate(prefix: str, tariff: Tariff, **fields: Any) -> tuple[str, Rate]:
    return prefix, Rate(tariff, **fields)


@dataclass
class World:
    """A configuration in the making; tests change the parts they are about."""

    sell_rates: list[tuple[str, Rate]] = field(
        default_factory=lambda: [rate("39", parse_tariff("0|0:0.06/60/60"))]
    )
    buy_rates: list[tuple[str, Rate]] = field(
        default_factory=lambda: [rate("39", parse_tariff("0|0:0.02/60/1"))]
    )
    sell_terms: Terms = EURO
    routes: list[Route] = field(
        default_factory=lambda: [Route("39", 201, 10), Route("39", 202, 20)]
    )
    customer: Account = CUSTOMER_ACCOUNT
    trunk: MappingGateway = CUSTOMER_TRUNK
    vendors: dict[str, Account] = field(
        default_factory=lambda: {
            name: Account(
                number, f"{name}-clearing", AccountKind.CLEARING, "EUR", rate_group_id=BUY
            )
            for name, number in VENDOR_ACCOUNTS.items()
        }
    )
    gateways: dict[str, RoutingGateway] = field(
        default_factory=lambda: {
            name: RoutingGateway(number, name, VENDOR_ACCOUNTS[name], f"{name}.example")
            for name, number in VENDOR_GATEWAYS.items()
        }
    )
    parameters: CallParameters = field(default_factory=CallParameters)
    agents: list[Account] = field(default_factory=list)
    more_groups: list[RateGroup] = field(default_factory=list)
    phones: list[Phone] = field(default_factory=list)
    packages: list[ActivePackage] = field(default_factory=list)

    def add_gateway(self, name: str, number: int, **changes: Any) -> None:
        """One more vendor trunk, on alpha's account."""
        gateway = replace(self.gateways["alpha"], gateway_id=number, name=name)
        self.gateways[name] = replace(gateway, **changes)

    def change_gateway(self, name: str, **changes: Any) -> None:
        self.gateways[name] = replace(self.gateways[name], **changes)

    def change_vendor(self, name: str, **changes: Any) -> None:
        self.vendors[name] = replace(self.vendors[name], **changes)

    def configuration(self) -> Configuration:
        trunks = {self.trunk.gateway_id: self.trunk}
        groups = (
            RateGroup(SELL, "sell", self.sell_terms, index_rates(self.sell_rates)),
            RateGroup(BUY, "buy", Terms("EUR"), index_rates(self.buy_rates)),
            *self.more_groups,
        )
        return Configuration(
            version=1,
            accounts={
                a.account_id: a for a in (self.customer, *self.agents, *self.vendors.values())
            },
            rate_groups={group.group_id: group for group in groups},
            mapping_gateways=trunks,
            routing_gateways={g.gateway_id: g for g in self.gateways.values()},
            routes=index_routes(self.routes),
            sources=index_sources(trunks),
            phones={phone.number: phone for phone in self.phones},
            packages=shelve(self.packages),
            parameters=self.parameters,
        )
