"""From nodes to what a file wants: every section read, every fault noted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

from controller.domain.configuration import AccountKind, CallParameters, PrefixMode, RateType
from controller.domain.decks import DeckRow
from controller.domain.errors import InvalidConfiguration
from controller.domain.money import MAX_DECIMALS, Rounding
from controller.services.config_as_code import values
from controller.services.config_as_code.deck_sources import read_rates
from controller.services.config_as_code.document import MapNode, read_document
from controller.services.config_as_code.fields import Fields
from controller.services.config_as_code.model import (
    AccountSpec,
    Lines,
    MappingGatewaySpec,
    Opening,
    RateGroupSpec,
    RouteSpec,
    RoutingGatewaySpec,
    Section,
    Spec,
    State,
    Wanted,
)
from controller.services.config_as_code.openings import read_openings
from controller.services.config_as_code.ports import DeckFiles
from controller.services.config_as_code.problems import Problem, Problems, shown

S = TypeVar("S", bound=Spec)

PARAMETERS = "parameters"
MAX_CAPACITY = 1_000_000
MAX_TITLE = 255
MAX_MEMO = 2_000
MAX_CODECS = 16
MAX_CAUSES = 32
MAX_ADDRESSES = 256

_KINDS: dict[str, AccountKind] = {
    str(kind): kind for kind in AccountKind if kind is not AccountKind.SYSTEM
}
_ROUNDINGS = {str(mode): mode for mode in Rounding}
_MODES = {str(mode): mode for mode in PrefixMode}
_TRANSPORTS = {name: name for name in ("udp", "tcp", "tls")}
_RATE_TYPES = {rate_type.name.lower(): rate_type for rate_type in RateType}

_capacity = values.integer(0, MAX_CAPACITY)
_call_length_s = values.integer(1, 86_400)
_memo = values.free_text(MAX_MEMO, lines=True)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file wants, and everything that is wrong with it by itself."""

    wanted: Wanted
    problems: tuple[Problem, ...]


def read_configuration(text: str, decks: DeckFiles) -> Reading:
    """A file, whole. What is wrong with it is in the result; nothing is raised for it."""
    problems = Problems()
    reader = _Reader(decks, problems)
    try:
        root = read_document(text)
    except InvalidConfiguration as error:
        problems.add(0, str(error))
    else:
        reader.document(root)
    return Reading(reader.wanted(), problems.sorted())


@dataclass(slots=True)
class _Reader:
    """Collects the sections of one file."""

    decks: DeckFiles
    problems: Problems
    listed: set[Section] = field(default_factory=set)
    objects: dict[Section, dict[str, Spec]] = field(
        default_factory=lambda: {section: {} for section in Section}
    )
    parameters: CallParameters | None = None
    rates: dict[str, tuple[DeckRow, ...]] = field(default_factory=dict)
    openings: list[Opening] = field(default_factory=list)
    lines: dict[tuple[str, ...], int] = field(default_factory=dict)

    def document(self, root: object) -> None:
        if not isinstance(root, MapNode):
            self.problems.add(1, "expected sections such as 'accounts:' at the top")
            return
        fields = Fields(root, (PARAMETERS, *Section), self.problems)
        self._parameters(fields)
        for section, read in _SECTIONS.items():
            if section in fields:
                self.listed.add(section)
                self.lines[(section,)] = fields.line_of(section)
                read(self, fields)

    def wanted(self) -> Wanted:
        state = State(**{str(section): found for section, found in self.objects.items()})  # type: ignore[arg-type]  # each section holds its own kind of object
        return Wanted(
            frozenset(self.listed),
            state,
            self.parameters,
            self.rates,
            tuple(self.openings),
            Lines(self.lines),
        )

    def keep(self, section: Section, spec: Spec, fields: Fields, name_key: str = "name") -> None:
        """Add an object; a second one of its name is a fault."""
        if (section, spec.name) in self.lines:
            first = self.lines[section, spec.name]
            self.problems.add(
                fields.line_of(name_key), f"{shown(spec.name)} is defined in line {first} already"
            )
            return
        self.objects[section][spec.name] = spec
        self.lines[section, spec.name] = fields.line
        for key, line in fields.lines().items():
            self.lines[section, spec.name, key] = line

    def _parameters(self, top: Fields) -> None:
        fields = top.child(PARAMETERS, CallParameters.__dataclass_fields__)
        if fields is None:
            return
        default = CallParameters()
        self.lines[(PARAMETERS,)] = fields.line
        causes = fields.many("stop_causes", values.cause, MAX_CAUSES)
        self.parameters = CallParameters(
            quantum_s=fields.optional("quantum_s", values.integer(5, 900), default.quantum_s),
            admit_partial_quantum=fields.optional(
                "admit_partial_quantum", values.flag, default.admit_partial_quantum
            ),
            max_duration_s=fields.optional(
                "max_duration_s", _call_length_s, default.max_duration_s
            ),
            max_attempts=fields.optional(
                "max_attempts", values.integer(1, 10), default.max_attempts
            ),
            hold_time_threshold_ms=fields.optional(
                "hold_time_threshold_ms", values.integer(0, 999), default.hold_time_threshold_ms
            ),
            stop_causes=causes if "stop_causes" in fields else default.stop_causes,
        )


def _rate_groups(reader: _Reader, top: Fields) -> None:
    known = (*RateGroupSpec.__dataclass_fields__, "rates", "deck")
    for fields in top.objects(Section.RATE_GROUPS, known):
        name = fields.required("name", values.name, "")
        group = RateGroupSpec(
            name=name,
            currency=fields.required("currency", values.currency, ""),
            decimals=fields.optional("decimals", values.integer(0, MAX_DECIMALS), 6),
            rounding=fields.optional("rounding", values.choice(_ROUNDINGS), Rounding.HALF_UP),
            timezone=fields.optional("timezone", values.timezone, "UTC"),
            memo=fields.optional("memo", _memo, ""),
        )
        rates = read_rates(fields, group.timezone, reader.decks)
        if name:
            reader.keep(Section.RATE_GROUPS, group, fields)
            if rates is not None:
                reader.rates[name] = rates


def _accounts(reader: _Reader, top: Fields) -> None:
    known = (*(f for f in AccountSpec.__dataclass_fields__ if f != "closed"), "opening_postings")
    for fields in top.objects(Section.ACCOUNTS, known):
        account = AccountSpec(
            name=fields.required("name", values.name, ""),
            currency=fields.required("currency", values.currency, ""),
            kind=fields.optional("kind", values.choice(_KINDS), AccountKind.ORDINARY),
            title=fields.optional("title", values.free_text(MAX_TITLE), ""),
            parent=_optional_name(fields, "parent"),
            rate_group=_optional_name(fields, "rate_group"),
            overdraft_limit=fields.optional(
                "overdraft_limit", values.amount(Decimal(0)), Decimal(0)
            ),
            capacity=_optional_integer(fields, "capacity", _capacity),
            locked=fields.optional("locked", values.flag, False),
            expires_at=fields.optional("expires_at", values.moment, None),
            memo=fields.optional("memo", _memo, ""),
        )
        reader.openings += read_openings(fields, account.name, reader.lines)
        if account.name:
            reader.keep(Section.ACCOUNTS, account, fields)


def _mapping_gateways(reader: _Reader, top: Fields) -> None:
    for fields in top.objects(Section.MAPPING_GATEWAYS, MappingGatewaySpec.__dataclass_fields__):
        if "addresses" not in fields:
            reader.problems.add(fields.line_of("addresses"), "addresses is missing (may be [])")
        gateway = MappingGatewaySpec(
            name=fields.required("name", values.name, ""),
            account=fields.required("account", values.name, ""),
            addresses=tuple(sorted(fields.many("addresses", values.address, MAX_ADDRESSES))),
            capacity=_optional_integer(fields, "capacity", _capacity),
            authorization=fields.optional(
                "authorization", values.choice(_RATE_TYPES), RateType.INTERNATIONAL
            ),
            codecs=fields.many("codecs", values.codec, MAX_CODECS),
            t38=fields.optional("t38", values.flag, False),
            rewrite_callee=fields.optional("rewrite_callee", values.rewrite, ""),
            rewrite_caller=fields.optional("rewrite_caller", values.rewrite, ""),
            max_duration_s=_optional_integer(fields, "max_duration_s", _call_length_s),
            locked=fields.optional("locked", values.flag, False),
            memo=fields.optional("memo", _memo, ""),
        )
        if gateway.name:
            reader.keep(Section.MAPPING_GATEWAYS, gateway, fields)


def _routing_gateways(reader: _Reader, top: Fields) -> None:
    for fields in top.objects(Section.ROUTING_GATEWAYS, RoutingGatewaySpec.__dataclass_fields__):
        gateway = RoutingGatewaySpec(
            name=fields.required("name", values.name, ""),
            clearing_account=fields.required("clearing_account", values.name, ""),
            host=fields.required("host", values.host, ""),
            port=fields.optional("port", values.integer(1, 65_535), 5060),
            transport=fields.optional("transport", values.choice(_TRANSPORTS), "udp"),
            capacity=_optional_integer(fields, "capacity", _capacity),
            prefix_mode=fields.optional("prefix_mode", values.choice(_MODES), PrefixMode.TERMINATE),
            codecs=fields.many("codecs", values.codec, MAX_CODECS),
            t38=fields.optional("t38", values.flag, False),
            rewrite_callee=fields.optional("rewrite_callee", values.rewrite, ""),
            rewrite_caller=fields.optional("rewrite_caller", values.rewrite, ""),
            ring_timeout_s=fields.optional("ring_timeout_s", values.integer(1, 600), 120),
            progress_timeout_s=fields.optional("progress_timeout_s", values.integer(1, 600), 20),
            prepaid=fields.optional("prepaid", values.flag, False),
            locked=fields.optional("locked", values.flag, False),
            memo=fields.optional("memo", _memo, ""),
        )
        if gateway.name:
            reader.keep(Section.ROUTING_GATEWAYS, gateway, fields)


def _routes(reader: _Reader, top: Fields) -> None:
    for fields in top.objects(Section.ROUTES, ("prefix", "prefixes", "gateway", "priority")):
        gateway = fields.required("gateway", values.name, "")
        priority = fields.optional("priority", values.integer(0, 1_000_000), 100)
        for prefix in _prefixes(fields):
            if gateway:
                route = RouteSpec(prefix, gateway, priority)
                reader.keep(Section.ROUTES, route, fields, "prefixes")


def _prefixes(fields: Fields) -> Sequence[str]:
    if ("prefix" in fields) == ("prefixes" in fields):
        fields.problems.add(fields.line, "a route needs either 'prefix' or 'prefixes'")
        return ()
    if "prefixes" in fields:
        return fields.many("prefixes", values.prefix)
    prefix = fields.optional("prefix", values.prefix, "")
    return (prefix,) if prefix else ()


def _optional_name(fields: Fields, key: str) -> str | None:
    return fields.optional(key, values.name, "") or None


def _optional_integer(fields: Fields, key: str, read: Callable[[str], int]) -> int | None:
    value = fields.optional(key, read, -1)
    return None if value < 0 else value


_SECTIONS: dict[Section, Callable[[_Reader, Fields], None]] = {
    Section.RATE_GROUPS: _rate_groups,
    Section.ACCOUNTS: _accounts,
    Section.MAPPING_GATEWAYS: _mapping_gateways,
    Section.ROUTING_GATEWAYS: _routing_gateways,
    Section.ROUTES: _routes,
}
