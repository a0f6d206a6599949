"""The system's parameters (spec §2.8): ranges and defaults."""

from dataclasses import fields as fields_of
from typing import Any

from controller.domain.configuration import CallParameters, RateSelection
from controller.domain.money import MAX_DECIMALS
from controller.services.config_as_code import values
from controller.services.config_as_code.fields import Fields, Read
from controller.services.config_as_code.sections.reader import (
    ZERO,
    Reader,
    call_length_s,
    calls_per_second,
)
from controller.services.sign_in_records import Role

PARAMETERS = "parameters"
MAX_CAUSES = 32
MAX_NUMBERS = 1_000
MAX_PREFIXES = 100

_up_to_an_hour = values.integer(0, 3600)

_READ: dict[str, Read[Any]] = {
    "quantum_s": values.integer(5, 900),
    "admit_partial_quantum": values.flag,
    "max_duration_s": call_length_s,
    "max_attempts": values.integer(1, 10),
    "calls_per_second": calls_per_second,
    "hold_time_threshold_ms": values.integer(0, 999),
    "timezone": values.timezone,
    "rate_selection": values.choice({str(rule): rule for rule in RateSelection}),
    "expected_duration_s": values.integer(1, 3600),
    "free_time_s": _up_to_an_hour,
    "minimum_duration_s": _up_to_an_hour,
    "record_zero_duration": values.flag,
    "record_server_hangup": values.flag,
    "fee_precision": values.integer(0, MAX_DECIMALS),
    "approve_sub_agents": values.flag,
    "fee_unit": values.amount(ZERO, values.MAX_FEE_UNIT),
}
_READ_LISTS: dict[str, tuple[Read[str], int]] = {
    "stop_causes": (values.cause, MAX_CAUSES),
    "free_numbers": (values.number_pattern, MAX_NUMBERS),
    "unrecorded_free_numbers": (values.number_pattern, MAX_NUMBERS),
    "route_prefixes": (values.route_prefix, MAX_PREFIXES),
    "second_factor_roles": (values.choice({role: role for role in map(str, Role)}), len(Role)),
}


def read_parameters(reader: Reader, top: Fields) -> None:
    """Declared whole, like every object: a parameter that is left out has its default."""
    fields = top.child(PARAMETERS, CallParameters.__dataclass_fields__)
    if fields is None:
        return
    reader.lines[(PARAMETERS,)] = fields.line
    reader.parameters = CallParameters(
        **{f.name: _value(fields, f.name, f.default) for f in fields_of(CallParameters)}
    )


def _value(fields: Fields, key: str, default: object) -> Any:
    if key in _READ:
        return fields.optional(key, _READ[key], default)
    read, limit = _READ_LISTS[key]
    found = fields.many(key, read, limit)
    return found if key in fields else default
