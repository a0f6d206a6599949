"""Destination rules (spec §1.6, reading 2): the longest prefix, and everybody above must permit."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.authorization import Authorized, authorize
from controller.domain.configuration import Account, AccountKind, CallParameters
from controller.domain.destinations import (
    DestinationRule,
    DestinationRules,
    contradiction,
    read_rule,
)
from controller.domain.errors import InvalidNumber
from controller.domain.numbering import Rewrite
from controller.domain.reasons import Reason, Refused
from controller.domain.tariff import parse_tariff
from controller.domain.trace import Trace
from tests.unit.domain.builders import CUSTOMER, NOW, SELL, World, offered, rate

AGENT, TOP = 2, 3


def rules(*texts: str) -> DestinationRules:
    return DestinationRules(map(read_rule, texts))


def called(
    number: str, *levels: tuple[str, ...], **parameters: object
) -> tuple[Authorized | Refused, Trace]:
    """A call by a customer below two agents; `levels` are their rules, the customer's first."""
    world = World(
        sell_rates=[rate("*", parse_tariff("0|0:0.06/60/60"))],
        buy_rates=[rate("*", parse_tariff("0|0:0.02/60/1"))],
        customer=replace(World().customer, parent_id=AGENT),
        agents=[
            Account(AGENT, "dhaka", AccountKind.ORDINARY, "EUR", TOP, rate_group_id=SELL),
            Account(TOP, "bd", AccountKind.ORDINARY, "EUR", rate_group_id=SELL),
        ],
    )
    world.routes = [replace(world.routes[0], prefix="*")]
    world.trunk = replace(world.trunk, rewrite_callee=Rewrite("00:"))
    world.parameters = CallParameters(**parameters)  # type: ignore[arg-type]  # of the test's choice
    configuration = replace(
        world.configuration(),
        destination_rules={
            account_id: rules(*texts)
            for account_id, texts in zip((CUSTOMER, AGENT, TOP), levels, strict=False)
            if texts
        },
    )
    trace = Trace()
    return authorize(offered(callee=number), configuration, NOW, trace), trace


def permits(number: str, *levels: tuple[str, ...]) -> bool:
    decision, _ = called(number, *levels)
    if isinstance(decision, Refused):
        assert decision.reason is Reason.DESTINATION_DENIED
        return False
    return True


LOCAL = ("allow +880", "deny *")
REGIONAL = ("allow +880", "allow +91", "allow +94", "deny 88190", "deny 91900")
GLOBAL = ("allow *", "deny 870", "deny 881", "deny 882")
CARD = ("allow +1", "allow +44", "deny *")

A6 = [
    # account           rules     number           permitted
    ("local reseller", LOCAL, "8801712345678", True),
    ("local reseller", LOCAL, "+8801712345678", True),
    ("local reseller", LOCAL, "008801712345678", True),
    ("local reseller", LOCAL, "919812345678", False),
    ("local reseller", LOCAL, "88", False),
    ("regional", REGIONAL, "8801712345678", True),
    ("regional", REGIONAL, "919812345678", True),
    ("regional", REGIONAL, "94112345678", True),
    ("regional", REGIONAL, "919001234567", False),
    ("regional", REGIONAL, "8819012345", False),
    ("regional", REGIONAL, "12125550100", False),
    ("global", GLOBAL, "12125550100", True),
    ("global", GLOBAL, "8801712345678", True),
    ("global", GLOBAL, "870773123456", False),
    ("global", GLOBAL, "88163123456", False),
    ("global", GLOBAL, "88213123456", False),
    ("calling card", CARD, "12125550100", True),
    ("calling card", CARD, "442071234567", True),
    ("calling card", CARD, "4970123456", False),
    ("calling card", CARD, "8801712345678", False),
    ("no rules", (), "4970123456", True),
]


@pytest.mark.parametrize(("account", "texts", "number", "expected"), A6)
def test_the_examples_of_the_reference(
    account: str, texts: tuple[str, ...], number: str, expected: bool
) -> None:
    """Spec §1.6, A6, at the level of a call: by the account itself, and by an agent above it."""
    assert account
    assert permits(number, texts) == expected
    assert permits(number, (), texts) == expected
    assert permits(number, (), (), texts) == expected
    assert permits(number, texts, texts, texts) == expected


CHAINS = [
    # customer               agent             top                number          permitted
    ((), ("allow 880",), (), "8801", True),
    ((), ("allow 880",), (), "39", False),
    (("allow 39",), ("allow 880",), (), "39", False),
    (("allow 39",), ("allow 880",), (), "8801", False),
    (("allow 8801",), ("allow 880",), ("deny 8802",), "88011", True),
    (("allow 880",), ("allow 880",), ("deny 8802",), "88021", False),
    (("deny 880", "allow 8801"), (), (), "88011", True),
    (("allow 880", "deny 8801", "allow 88012"), (), (), "880129", True),
    (("allow 880", "deny 8801", "allow 88012"), (), (), "88013", False),
    (("deny *",), (), (), "39", False),
    (("allow *",), ("deny *",), (), "39", False),
]


@pytest.mark.parametrize(("customer", "agent", "top", "number", "expected"), CHAINS)
def test_everybody_above_must_permit(
    customer: tuple[str, ...],
    agent: tuple[str, ...],
    top: tuple[str, ...],
    number: str,
    expected: bool,
) -> None:
    assert permits(number, customer, agent, top) == expected


WORDS = [
    ((("allow 880",),), "39", "account customer allows other destinations than 39 only"),
    ((("deny *",),), "39", "account customer denies every destination that it does not allow: 39"),
    (((), ("deny 39", "allow *")), "3906", "account dhaka denies 39: 3906"),
    ((("allow 39",), (), ("deny 390",)), "3906", "account bd denies 390: 3906"),
]


@pytest.mark.parametrize(("levels", "number", "said"), WORDS)
def test_a_refusal_names_the_account_and_the_rule(
    levels: tuple[tuple[str, ...], ...], number: str, said: str
) -> None:
    decision, trace = called(number, *levels)
    assert decision == Refused(Reason.DESTINATION_DENIED, said)
    assert trace.steps[-1] == ("destination", "refused: destination_denied", said)


def test_what_permits_is_in_the_trace_too() -> None:
    _, trace = called("3906", ("allow 39",), ("deny 881",), ("allow *",))
    assert [
        (verdict, detail) for step, verdict, detail in trace.steps if step == "destination"
    ] == [
        ("permitted", "account customer allows 39"),
        ("permitted", "account dhaka denies others only"),
        ("permitted", "account bd allows every destination that it does not deny"),
    ]


def test_an_account_without_rules_leaves_no_trace() -> None:
    _, trace = called("3906")
    assert "destination" not in {step for step, *_ in trace.steps}


def test_the_platforms_free_numbers_are_always_permitted() -> None:
    for name in ("free_numbers", "unrecorded_free_numbers"):
        decision, _ = called("112", ("allow 880",), ("deny *",), **{name: ("112",)})
        assert isinstance(decision, Authorized)


def test_technical_prefixes_are_not_compared() -> None:
    decision, _ = called("9939", ("allow 39",), route_prefixes=("99",))
    assert isinstance(decision, Authorized)


prefixes = st.sampled_from(["*", "1", "12", "123", "2", "21"])
drawn_rules = st.dictionaries(prefixes, st.booleans(), max_size=6)
numbers = st.text("123", min_size=1, max_size=5)


@given(drawn_rules, numbers)
def test_the_longest_prefix_decides(drawn: dict[str, bool], number: str) -> None:
    """Against every rule, looked at one by one."""
    matching = [p for p in drawn if p == "*" or number.startswith(p)]
    expected = not any(drawn.values())
    if matching:
        expected = drawn[max(matching, key=lambda p: 0 if p == "*" else len(p))]
    index = DestinationRules(DestinationRule(p, allowed) for p, allowed in drawn.items())
    assert index.permits(number) == expected
    deciding = index.deciding(number)
    assert (deciding is None) == (not matching)
    assert deciding is None or deciding.allowed == expected


@pytest.mark.parametrize(
    "text", ["", "880", "allow", "allow 88x", "permit 1", "allow ++1", "deny ١"]
)
def test_texts_that_are_no_rules(text: str) -> None:
    with pytest.raises(InvalidNumber):
        read_rule(text)


def test_rules_read_and_write() -> None:
    assert str(read_rule(" allow  +880 ")) == "allow 880"
    assert str(read_rule("deny *")) == "deny *"
    assert contradiction(map(read_rule, ("allow 1", "deny 2", "deny 1"))) == "1"
    assert contradiction(map(read_rule, ("allow 1", "allow 1", "deny 2"))) == ""
