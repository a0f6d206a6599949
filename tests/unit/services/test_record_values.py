"""Values of forms and requests: read as the file's fields are, or refused by their names."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.domain.errors import InvalidFields
from controller.services.config_as_code.fields import Fields
from controller.services.config_as_code.sections.accounts import read_phone
from controller.services.config_as_code.sections.gateways import (
    read_mapping_gateway,
    read_routing_gateway,
)
from controller.services.config_as_code.specs import (
    MappingGatewaySpec,
    PhoneSpec,
    RoutingGatewaySpec,
)
from controller.services.phones import read_phone_csv
from controller.services.records.values import Values, read_values, texts_of, values_of

KNOWN = tuple(PhoneSpec.__dataclass_fields__)
PHONE = PhoneSpec("390210001", "acme")


def phone(**values: object) -> PhoneSpec:
    given: Values = {"number": "390210001", "account": "acme", **values}
    return read_values(given, KNOWN, read_phone, lists=("dids",))


def errors(**values: object) -> dict[str, str]:
    with pytest.raises(InvalidFields) as error:
        phone(**values)
    return error.value.errors


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"memo": ""}, PHONE),
        ({"memo": None, "lines_in": "", "locked": None}, PHONE),
        ({"memo": "null"}, replace(PHONE, memo="null")),
        ({"memo": "two\nlines"}, replace(PHONE, memo="two\nlines")),
        ({"lines_in": 3, "lines_out": " 4 "}, replace(PHONE, lines_in=3, lines_out=4)),
        ({"monthly_rent": Decimal("1E+1")}, replace(PHONE, monthly_rent=Decimal(10))),
        ({"locked": True, "locked_in": "TRUE"}, replace(PHONE, locked=True, locked_in=True)),
        ({"dids": "3, 2;\r\n1\n"}, replace(PHONE, dids=("1", "2", "3"))),
        ({"dids": ["2", 1]}, replace(PHONE, dids=("1", "2"))),
        ({"dids": ()}, PHONE),
    ],
)
def test_what_a_form_may_send(values: dict[str, object], expected: PhoneSpec) -> None:
    assert phone(**values) == expected


@pytest.mark.parametrize(
    ("values", "field", "said"),
    [
        ({"monthly_rent": 0.1}, "monthly_rent", "write it as text"),
        ({"monthly_rent": Decimal("NaN")}, "monthly_rent", "write it as text"),
        ({"monthly_rent": "1e5"}, "monthly_rent", "is not an amount"),
        ({"lines_in": 10**40}, "lines_in", "write it as text"),
        ({"lines_in": True}, "lines_in", "'true' is not a whole number"),
        ({"memo": "x" * 80_000}, "memo", "longer than"),
        ({"memo": "\u202eevil"}, "memo", "control characters"),
        ({"memo": ["a"]}, "memo", "expected one value"),
        ({"memo": b"bytes"}, "memo", "not bytes"),
        ({"dids": {"1": 2}}, "dids", "not dict"),
        ({"dids": [["1"]]}, "dids", "not list"),
        ({"dids": "1,1"}, "dids", "'1' comes twice"),
        ({"number": ""}, "number", "number is missing"),
        ({"colour": "red"}, "colour", "unknown key 'colour'"),
        ({"acount": "x"}, "acount", "did you mean 'account'?"),
    ],
)
def test_what_is_wrong_is_said_by_its_field(
    values: dict[str, object], field: str, said: str
) -> None:
    found = errors(**values)
    assert said in found.pop(field)
    assert found == {}


def test_too_many_fields_at_once() -> None:
    assert "more than 100 fields" in errors(**{f"f{n}": 1 for n in range(200)})[""]


def test_an_object_reads_as_itself() -> None:
    whole = phone(monthly_maximum="30.50", dids=["1"], locked=True, authorization="local")
    assert read_values(values_of(whole), KNOWN, read_phone, lists=("dids",)) == whole
    assert texts_of(whole)["monthly_maximum"] == "30.5"
    assert texts_of(whole)["dids"] == "1"
    assert texts_of(PHONE)["monthly_maximum"] == ""


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text()
    | st.binary(max_size=5)
    | st.sampled_from(["true", "1", "39", "pcma", "192.0.2.1:5060", "00:,+:", "a", "*", "net"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
Reader = Callable[[Values], object]


def read_by(
    spec: Any, read: Callable[[Fields], object], lists: tuple[str, ...]
) -> tuple[tuple[str, ...], Reader]:
    names = tuple(spec.__dataclass_fields__)
    return names, lambda values: read_values(values, names, read, lists=lists)


KINDS = [
    read_by(PhoneSpec, read_phone, ("dids",)),
    read_by(MappingGatewaySpec, read_mapping_gateway, ("addresses", "groups", "codecs")),
    read_by(RoutingGatewaySpec, read_routing_gateway, ("groups", "codecs")),
]


def outcome(do: Callable[[], object]) -> object:
    """What is made, or the faults by field."""
    try:
        return do()
    except InvalidFields as error:
        return error.errors


@pytest.mark.parametrize(("names", "read"), KINDS)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_whatever_comes_is_an_object_or_named_faults(
    names: tuple[str, ...], read: Reader, data: st.DataObject
) -> None:
    keys = st.sampled_from(names) | st.text(max_size=8)
    values = data.draw(st.dictionaries(keys, anything, max_size=12))
    found = outcome(lambda: read(values))
    if isinstance(found, dict):
        assert found
        assert all(len(why) < 500 for why in found.values())
    else:
        assert read(values_of(found)) == found


@given(st.text(max_size=200), st.sampled_from(",;\t"))
def test_whatever_table_comes(text: str, delimiter: str) -> None:
    found = outcome(lambda: read_phone_csv(f"number{delimiter}account\n{text}", delimiter))
    if isinstance(found, dict):
        assert found
    else:
        assert isinstance(found, list)
        assert all(row.keys() <= {"number", "account"} for row in found)
