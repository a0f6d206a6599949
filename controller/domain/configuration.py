"""The immutable configuration that decisions read; replaced as a whole when it changes.

Money that moves (balances, reservations, lines in use) is never here: admission reads it in the
database.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntEnum, StrEnum

from controller.domain.numbering import PrefixIndex, Rewrite
from controller.domain.plan import STOP_CAUSES, Media
from controller.domain.tariff import Tariff, Terms

DEFAULT_MEDIA = Media()
NO_REWRITE = Rewrite()


class RateType(IntEnum):
    """Destination class and, on a gateway, the highest class it may call (spec §2.2, §2.7)."""

    NET = 1
    LOCAL = 2
    DOMESTIC = 4
    INTERNATIONAL = 5


class AccountKind(StrEnum):
    """Stored types of account (spec §1.1); `system` accounts are the ledger's other side."""

    ORDINARY = "ordinary"
    PHONE_CARD = "phone_card"
    CLEARING = "clearing"
    SYSTEM = "system"


class PrefixMode(StrEnum):
    """Whether shorter prefixes are tried after this gateway's (spec §6.2)."""

    TERMINATE = "terminate"
    CONTINUE = "continue"


@dataclass(frozen=True, slots=True)
class Rate:
    """A destination's price in one deck, valid from `valid_from` until `valid_until` (UTC)."""

    prefix: str
    tariff: Tariff
    tax_percent: Decimal = Decimal(0)
    area: str = ""
    rate_type: RateType = RateType.INTERNATIONAL
    locked: bool = False
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    def valid_at(self, when: datetime) -> bool:
        return (self.valid_from is None or self.valid_from <= when) and (
            self.valid_until is None or when < self.valid_until
        )


@dataclass(frozen=True, slots=True)
class RateGroup:
    """A deck: its terms, and every prefix's rates in order of validity."""

    group_id: int
    name: str
    terms: Terms
    rates: PrefixIndex[tuple[Rate, ...]]

    def rate_for(self, number: str, when: datetime) -> Rate | None:
        """The usable rate of the longest prefix (spec §2.3); locked or not valid: the next one."""
        for _, rates in self.rates.matches(number):
            for rate in rates:
                if not rate.locked and rate.valid_at(when):
                    return rate
        return None


@dataclass(frozen=True, slots=True)
class Account:
    """A holder of money, without the money."""

    account_id: int
    name: str
    kind: AccountKind
    currency: str
    rate_group_id: int | None = None
    overdraft_limit: Decimal = Decimal(0)
    capacity: int | None = None
    locked: bool = False
    closed: bool = False
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class MappingGateway:
    """A customer's trunk (spec §4.1), identified by where its signalling comes from."""

    gateway_id: int
    name: str
    account_id: int
    addresses: tuple[tuple[str, int | None], ...]
    locked: bool = False
    capacity: int | None = None
    authorization: RateType = RateType.INTERNATIONAL
    media: Media = DEFAULT_MEDIA
    rewrite_callee: Rewrite = NO_REWRITE
    rewrite_caller: Rewrite = NO_REWRITE
    max_duration_s: int | None = None


@dataclass(frozen=True, slots=True)
class RoutingGateway:
    """A vendor's trunk (spec §5.1) and the clearing account that pays for it."""

    gateway_id: int
    name: str
    clearing_account_id: int
    host: str
    port: int = 5060
    transport: str = "udp"
    locked: bool = False
    capacity: int | None = None
    prefix_mode: PrefixMode = PrefixMode.TERMINATE
    media: Media = DEFAULT_MEDIA
    rewrite_callee: Rewrite = NO_REWRITE
    rewrite_caller: Rewrite = NO_REWRITE
    ring_timeout_s: int = 120
    progress_timeout_s: int = 20
    prepaid: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """A prefix that a routing gateway serves; the smallest priority goes first (spec §6.3)."""

    prefix: str
    gateway_id: int
    priority: int = 100


@dataclass(frozen=True, slots=True)
class CallParameters:
    """System parameters of calls, with the reference's names in the settings' documentation."""

    quantum_s: int = 60
    admit_partial_quantum: bool = False
    max_duration_s: int = 7200
    max_attempts: int = 5
    hold_time_threshold_ms: int = 50
    stop_causes: tuple[str, ...] = STOP_CAUSES


@dataclass(frozen=True, slots=True)
class Configuration:
    """One version of everything that decisions need."""

    version: int
    accounts: Mapping[int, Account]
    rate_groups: Mapping[int, RateGroup]
    mapping_gateways: Mapping[int, MappingGateway]
    routing_gateways: Mapping[int, RoutingGateway]
    routes: PrefixIndex[tuple[Route, ...]]
    sources: Mapping[tuple[str, int | None], MappingGateway]
    parameters: CallParameters = CallParameters()

    def identify(self, ip: str, port: int) -> MappingGateway | None:
        """The mapping gateway of a source: by address and port first, then by address."""
        return self.sources.get((ip, port)) or self.sources.get((ip, None))


def index_sources(
    gateways: Mapping[int, MappingGateway],
) -> dict[tuple[str, int | None], MappingGateway]:
    """Every address of every gateway; two gateways never share one (checked when stored)."""
    return {address: gateway for gateway in gateways.values() for address in gateway.addresses}


def index_rates(rates: list[Rate]) -> PrefixIndex[tuple[Rate, ...]]:
    by_prefix: dict[str, list[Rate]] = {}
    for rate in rates:
        by_prefix.setdefault(rate.prefix, []).append(rate)
    return PrefixIndex((prefix, tuple(same)) for prefix, same in by_prefix.items())


def index_routes(routes: list[Route]) -> PrefixIndex[tuple[Route, ...]]:
    by_prefix: dict[str, list[Route]] = {}
    for route in sorted(routes, key=lambda r: (r.priority, r.gateway_id)):
        by_prefix.setdefault(route.prefix, []).append(route)
    return PrefixIndex((prefix, tuple(same)) for prefix, same in by_prefix.items())
