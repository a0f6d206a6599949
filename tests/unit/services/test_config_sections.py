"""A file's sections: what is read, and every fault with its line, all at once."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from controller.domain.configuration import AccountKind, CallParameters, PrefixMode
from controller.domain.destinations import DestinationRule
from controller.domain.ledger import keyed_posting_id
from controller.domain.money import Rounding
from controller.domain.number_sections import NumberSection
from controller.domain.rates import RateType
from controller.services.config_as_code.addresses import Address
from controller.services.config_as_code.model import Opening, Section
from controller.services.config_as_code.specs import (
    AccountSpec,
    GatewayGroupSpec,
    MappingGatewaySpec,
    RateGroupSpec,
    RouteSpec,
    RoutingGatewaySpec,
)
from tests.unit.services.config_texts import SOUND, problems, read


def test_a_sound_file_has_no_problems() -> None:
    reading = read(SOUND)
    assert reading.problems == ()
    assert reading.wanted.listed == {
        Section.RATE_GROUPS,
        Section.ACCOUNTS,
        Section.MAPPING_GATEWAYS,
        Section.ROUTING_GATEWAYS,
        Section.ROUTES,
    }
    assert reading.wanted.parameters is None
    assert set(reading.wanted.state.routes) == {"39 via vendor-trunk", "44 via vendor-trunk"}
    assert reading.wanted.openings == (
        Opening(keyed_posting_id("acme-opening"), "acme", Decimal("100.50"), "first"),
    )


def test_every_field_of_every_object() -> None:
    reading = read(
        """
        parameters:
          quantum_s: 120
          admit_partial_quantum: true
          max_duration_s: 3600
          max_attempts: 2
          hold_time_threshold_ms: 0
          stop_causes: [USER_BUSY]
          calls_per_second: 500
        rate_groups:
          - {name: g, currency: EUR, decimals: 2, rounding: up, timezone: Europe/Rome,
             memo: "a\\nb"}
        accounts:
          - name: 1001
            currency: EUR
            kind: phone_card
            title: "Größe \\"x\\""
            parent: agent
            rate_group: g
            private_rate_group: own
            overdraft_limit: 10.25
            monthly_minimum: 3
            capacity: 0
            subtree_capacity: 30
            offline_calls: 5
            offline_minutes: 10
            offline_money: 20.5
            locked: true
            expires_at: 2027-01-01
            number_sections: [0100-0199, 39021]
            destination_rules: [allow +880, deny *, deny 88190]
            memo: m
        gateway_groups:
          - {name: west, capacity: 30, memo: w}
          - {name: east}
        mapping_gateways:
          - name: in
            account: "1001"
            addresses: [192.0.2.2, "192.0.2.1:5070", "[2001:DB8::1]:5060", "::ffff:192.0.2.3"]
            capacity: 5
            calls_per_second: 6
            groups: [west, east]
            authorization: local
            allow_phone_billing: true
            codecs: [pcma, "opus@48000h@20i"]
            t38: true
            rewrite_callee: "00:,+:"
            rewrite_caller: "*:9*"
            max_duration_s: 60
            locked: true
        routing_gateways:
          - name: out
            clearing_account: v
            host: SIP.Example.net
            port: 5061
            transport: tls
            capacity: 7
            calls_per_second: 8
            groups: [west]
            prefix_mode: continue
            codecs: [G729]
            t38: true
            rewrite_callee: "*:88*"
            rewrite_caller: "+:"
            ring_timeout_s: 30
            progress_timeout_s: 5
            prepaid: true
            bill_sent_number: true
            locked: true
        routes:
          - {prefix: "*", gateway: out, priority: 0}
        """
    )
    assert reading.problems == ()
    state = reading.wanted.state
    assert reading.wanted.parameters == CallParameters(
        120, True, 3600, 2, 0, ("USER_BUSY",), calls_per_second=500
    )
    assert state.rate_groups["g"] == RateGroupSpec(
        "g", "EUR", 2, Rounding.UP, "Europe/Rome", memo="a\nb"
    )
    assert state.accounts["1001"] == AccountSpec(
        "1001",
        "EUR",
        AccountKind.PHONE_CARD,
        'Größe "x"',
        "agent",
        "g",
        "own",
        Decimal("10.25"),
        Decimal(3),
        0,
        30,
        5,
        10,
        Decimal("20.5"),
        True,
        datetime(2027, 1, 1, tzinfo=UTC),
        number_sections=(NumberSection("0100", "0199"), NumberSection("39021", "39021")),
        destination_rules=(
            DestinationRule("*", False),
            DestinationRule("880", True),
            DestinationRule("88190", False),
        ),
        memo="m",
    )
    addresses = (
        Address("192.0.2.1", 5070),
        Address("192.0.2.2"),
        Address("192.0.2.3"),
        Address("2001:db8::1", 5060),
    )
    assert state.mapping_gateways["in"] == MappingGatewaySpec(
        "in",
        "1001",
        addresses,
        5,
        6,
        ("east", "west"),
        RateType.LOCAL,
        True,
        ("PCMA", "OPUS@48000h@20i"),
        True,
        "00:,+:",
        "*:9*",
        60,
        True,
    )
    assert state.routing_gateways["out"] == RoutingGatewaySpec(
        "out",
        "v",
        "sip.example.net",
        5061,
        "tls",
        7,
        8,
        ("west",),
        PrefixMode.CONTINUE,
        ("G729",),
        True,
        "*:88*",
        "+:",
        30,
        5,
        True,
        True,
        True,
    )
    assert state.gateway_groups == {
        "west": GatewayGroupSpec("west", 30, "w"),
        "east": GatewayGroupSpec("east"),
    }
    assert state.routes == {"* via out": RouteSpec("*", "out", 0)}


def test_all_faults_are_reported_in_the_order_of_the_file() -> None:
    found = problems(
        """\
        parameters: {quantum_s: 4, max_attempt: 3}
        rate_groups:
          - {name: "a b", currency: usd, decimals: 11, rounding: upward, timezone: Mars/Base}
        accounts:
          - name: acme
            curency: USD
            capacity: 99999999999999999999999999999999999999
            overdraft_limit: 1e5
            locked: yes
          - just text
        gateways: []
        """
    )
    assert found == [
        "line 1: unknown key 'max_attempt' (did you mean 'max_attempts'?)",
        "line 1: quantum_s: '4' is not a whole number from 5 to 900",
        "line 3: name: 'a b' is not a name: 1 to 63 letters, digits, '_', '.', '-',"
        " the first a letter or digit",
        "line 3: currency: 'usd' is not a currency of three capital letters (ISO 4217)",
        "line 3: decimals: '11' is not a whole number from 0 to 10, nor 'platform'",
        "line 3: rounding: 'upward' is none of up, half_up, half_even, down",
        "line 3: timezone: 'Mars/Base' is not an IANA time zone",
        "line 5: currency is missing",
        "line 6: unknown key 'curency' (did you mean 'currency'?)",
        "line 7: capacity: '99999999999999999999999999999999999999'"
        " is not a whole number from 0 to 1000000",
        "line 8: overdraft_limit: '1e5' is not an amount from 0 to 1,000,000,000,000"
        " with at most 10 decimals",
        "line 9: locked: 'yes' is neither true nor false",
        "line 10: accounts: expected a mapping of fields",
        "line 11: unknown key 'gateways' (did you mean 'gateway_groups'?)",
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("offline_calls: 5", "offline_calls: there is no offline_minutes and no offline_money"),
        (
            "offline_minutes: 5, offline_money: 5",
            "offline_minutes: there is no offline_calls",
        ),
        (
            "offline_calls: 0, offline_minutes: 1, offline_money: 1",
            "offline_calls: '0' is not a whole number from 1 to 10000",
        ),
        (
            "offline_calls: 1, offline_minutes: 61, offline_money: 1",
            "offline_minutes: '61' is not a whole number from 1 to 60",
        ),
        (
            "offline_calls: 1, offline_minutes: 1, offline_money: 0",
            "offline_money: '0' is not an amount from 0.0000000001 to 1,000,000,000,000",
        ),
    ],
)
def test_calls_without_the_database_have_every_bound(fields: str, expected: str) -> None:
    found = problems(f"accounts: [{{name: acme, currency: EUR, {fields}}}]")
    assert found[0].startswith(f"line 1: {expected}")


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("addresses: [10.0.0.0/8]", "is a network: write each address"),
        ("addresses: [example.org]", "is not an IP address"),
        ("addresses: ['192.0.2.1:0']", "is not a whole number from 1 to 65535"),
        ("addresses: ['192.0.2.1:99999']", "is not a whole number from 1 to 65535"),
        ("addresses: ['[::1']", "expected '[ipv6]:port'"),
        ("addresses: ['fe80::1%eth0']", "with a zone"),
        ("addresses: [0.0.0.0]", "is not the address of a host"),
        ("addresses: [224.0.0.1]", "is not the address of a host"),
        ("addresses: [192.0.2.1, '192.0.2.1']", "'192.0.2.1' comes twice"),
        ("addresses: 192.0.2.1", "addresses: expected a list"),
        ("addresses: [[192.0.2.1]]", "addresses: expected one value"),
        ("codecs: [PCMX]", "is not a known codec (did you mean 'PCMU'?)"),
        ("codecs: ['PCMA,PCMU']", "is not a known codec"),
        ("codecs: ['PCMA@20i;x=1']", "options look like"),
        ("rewrite_callee: '00'", "expected 'original:target'"),
        ("rewrite_callee: '00:${x}'", "expected 'original:target'"),
        ("authorization: all", "is none of net, local, domestic, international"),
        ("max_duration_s: 0", "is not a whole number from 1 to 86400"),
        ('memo: "a\\x1bb"', "control characters"),
        ('memo: "\\u202Eevil"', "control characters"),
        ("name: {a: b}", "name: expected one value"),
        ("'na\\nme': x", "unknown key"),
    ],
)
def test_a_wrong_field_of_a_mapping_gateway(field: str, expected: str) -> None:
    key = field.partition(":")[0]
    sound = {"name": "in", "account": "acme", "addresses": "[192.0.2.1]"}
    lines = [f"    {k}: {v}" for k, v in sound.items() if k != key]
    text = "mapping_gateways:\n  -\n" + "\n".join([*lines, f"    {field}"])
    found = problems(text)
    assert any(expected in problem for problem in found), found
    assert all(problem.startswith("line ") and "\n" not in problem for problem in found)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("host: a_b.example", "is not a host name or IP address"),
        ("host: 192.0.2.300", "is not an IP address"),
        ("host: '[::1]'", "is not an IP address"),
        ("host: 'x;transport=tcp'", "is not a host name or IP address"),
        ("port: 70000", "is not a whole number from 1 to 65535"),
        ("port: 0x50", "is not a whole number"),
        ("transport: sctp", "is none of udp, tcp, tls"),
        ("prefix_mode: stop", "is none of terminate, continue"),
        ("ring_timeout_s: 601", "is not a whole number from 1 to 600"),
    ],
)
def test_a_wrong_field_of_a_routing_gateway(field: str, expected: str) -> None:
    key = field.partition(":")[0]
    sound = {"name": "out", "clearing_account": "v", "host": "192.0.2.9"}
    lines = [f"    {k}: {v}" for k, v in sound.items() if k != key]
    found = problems("routing_gateways:\n  -\n" + "\n".join([*lines, f"    {field}"]))
    assert len(found) == 1
    assert expected in found[0]


def test_an_ipv6_host_stands_without_brackets() -> None:
    text = "routing_gateways: [{name: o, clearing_account: v, host: '2001:DB8::9'}]"
    assert read(text).wanted.state.routing_gateways["o"].host == "2001:db8::9"


def test_a_name_is_defined_once() -> None:
    text = "accounts:\n  - {name: a, currency: USD}\n  - {name: a, currency: USD}\n"
    assert problems(text) == ["line 3: 'a' is defined in line 2 already"]


def test_a_key_comes_once() -> None:
    text = "accounts:\n  - name: a\n    currency: USD\n    currency: EUR\naccounts: []\n"
    assert problems(text) == ["line 4: 'currency' comes twice", "line 5: 'accounts' comes twice"]


def test_merge_keys_are_no_feature() -> None:
    text = "accounts:\n  - &a {name: a, currency: USD}\n  - {<<: *a, name: b}\n"
    assert "line 3: unknown key '<<'" in problems(text)


def test_one_prefix_and_gateway_make_one_route() -> None:
    found = problems(
        """\
        routes:
          - {prefixes: [39, 39], gateway: a}
          - {prefix: 39, gateway: a, priority: 5}
          - {prefix: 39, prefixes: [1], gateway: a}
          - {gateway: a}
          - {prefix: 3x, gateway: b}
        """
    )
    assert found == [
        "line 2: prefixes: '39' comes twice",
        "line 3: '39 via a' is defined in line 2 already",
        "line 4: a route needs either 'prefix' or 'prefixes'",
        "line 5: a route needs either 'prefix' or 'prefixes'",
        "line 6: prefix: '3x' is neither digits nor '*'",
    ]


def test_a_prefix_keeps_its_leading_zeros() -> None:
    routes = read("routes: [{prefix: 0044, gateway: a}]").wanted.state.routes
    assert [route.prefix for route in routes.values()] == ["0044"]


def test_an_empty_section_is_listed_and_an_absent_one_is_not() -> None:
    assert read("routes: []\naccounts:\n").wanted.listed == {Section.ROUTES}


@pytest.mark.parametrize("text", ["- a\n", "text\n", "[]\n"])
def test_the_top_is_a_mapping_of_sections(text: str) -> None:
    assert problems(text) == ["line 1: expected sections such as 'accounts:' at the top"]


@pytest.mark.parametrize(
    ("posting", "expected"),
    [
        ("{amount: 5}", "needs a 'key'"),
        ("{key: a, id: 2f3c6a2e-0000-4000-8000-000000000000, amount: 5}", "needs a 'key'"),
        ("{key: a}", "amount is missing"),
        ("{key: a, amount: 0}", "moves nothing"),
        ("{key: a, amount: 0.00000000001}", "is not an amount"),
        ("{key: a, amount: ten}", "is not an amount"),
        ("{id: x, amount: 1}", "is not a UUID"),
        ("{key: known, amount: 1}", "this posting is in line 1 already"),
    ],
)
def test_a_wrong_opening_posting(posting: str, expected: str) -> None:
    first = "accounts: [{name: b, currency: USD, opening_postings: [{key: known, amount: 1}]},"
    text = f"{first}\n{{name: a, currency: USD, opening_postings: [{posting}]}}]"
    found = problems(text)
    assert [expected in problem for problem in found] == [True], found
    assert found[0].startswith("line 2: ")


def test_an_opening_posting_may_be_named_by_its_id_and_may_debit() -> None:
    text = (
        "accounts: [{name: a, currency: USD, opening_postings:"
        " [{id: 2F3C6A2E-0000-4000-8000-000000000000, amount: -5.5}]}]"
    )
    (opening,) = read(text).wanted.openings
    assert (UUID(opening.posting_id).int > 0, opening.amount) == (True, Decimal("-5.5"))


def test_rates_inline_or_from_a_deck() -> None:
    reading = read(
        """\
        rate_groups:
          - name: inline
            currency: USD
            timezone: Europe/Rome
            rates:
              - {prefix: 39, tiers: "0|0:0.050/60/60", effective_to: 2026-07-01}
              - {prefix: 39, rate: 0.04, cycle_s: 1, unit_s: 60, effective_from: 2026-07-01}
          - {name: file, currency: USD, deck: decks/a.csv}
          - {name: untouched, currency: USD}
          - {name: emptied, currency: USD, rates: []}
        """,
        {"decks/a.csv": "prefix,area,rate_type,tiers\n44,UK,international,0|0:0.01/60/1\n"},
    )
    assert reading.problems == ()
    decks = reading.wanted.decks
    assert [(row.prefix, row.tiers) for row in decks["inline"]] == [
        ("39", "0|0:0.05/60/60"),
        ("39", "0|0:0.04/60/1"),
    ]
    assert decks["inline"][0].effective_to == datetime(2026, 6, 30, 22, tzinfo=UTC)
    assert [row.area for row in decks["file"]] == ["UK"]
    assert decks["emptied"] == ()
    assert "untouched" not in decks


def test_faults_of_rates_carry_the_line_of_the_rate_or_of_the_deck() -> None:
    found = problems(
        """\
        rate_groups:
          - name: inline
            currency: USD
            rates:
              - {prefix: 39, tiers: "0|0:0.05/60/60"}
              - {prefix: 39, tiers: "0|0:0.05/60/60"}
              - {prefix: x, tiers: "0|0:-1/60/60", price: 1}
          - name: file
            currency: USD
            deck: a.csv
          - {name: gone, currency: USD, deck: b.csv}
          - {name: both, currency: USD, deck: a.csv, rates: []}
        """,
        {"a.csv": "prefix,tiers\n44,0|0:0.01/60/1\n44,0|0:0.01/60/1\nq,\n"},
    )
    assert found == [
        "line 6: prefix 39: the validity overlaps that in line 5",
        "line 7: unknown key 'price'",
        "line 7: prefix: 'x' is neither digits nor '*'",
        "line 7: 0:-1/60/60: '-1' is not a price (digits, at most 10 decimals)",
        "line 10: deck 'a.csv' row 3: prefix 44: the validity overlaps that of row 2",
        "line 10: deck 'a.csv' row 4: prefix: 'q' is neither digits nor '*'",
        "line 10: deck 'a.csv' row 4: no price",
        "line 11: deck 'b.csv': No such file or directory",
        "line 12: give either 'rates' or 'deck'",
    ]


def test_a_flood_of_faults_is_counted() -> None:
    text = "routes:\n" + "  - {prefix: x, gateway: a}\n" * 1000
    found = problems(text)
    assert len(found) == 201
    assert found[-1] == "and 800 problems more"
