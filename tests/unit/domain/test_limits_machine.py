"""Random calls under every limit at once: no counter passes it, and all are 0 in the end.

Gateways change their groups between calls, so that calls in progress belong to groups in which
their gateways are no more.
"""

from collections import Counter
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from controller.domain.admission import AdmissionRules, Admitted, admit, extend
from controller.domain.billing import Payer
from controller.domain.call_record import RecordRules
from controller.domain.conclusion import answered_by, release, take
from controller.domain.holdings import (
    SECOND_US,
    SYSTEM_LINE,
    Funds,
    Held,
    Holdings,
    LineKey,
    Lines,
    MonthUse,
)
from controller.domain.pricing import Pricing
from controller.domain.settlement import TIMER_SLACK_S, settle
from controller.domain.ticket import Ticket
from tests.unit.domain.builders import (
    NOW_US,
    VENDOR_GATEWAYS,
    call_id,
    ended,
    leg_id,
    payer,
    pricing,
    ticket,
    ticket_attempt,
)
from tests.unit.domain.test_pricing import pricings

CUSTOMERS = {1: 101, 4: 104}
"""Accounts and their trunks."""

AGENT, PREPAID, CREDIT = 2, 11, 12
EAST, WEST = 301, 302
PHONE = 5
MONTH = (PHONE, "2026-03-01")
OF_VENDOR = {"alpha": PREPAID, "beta": PREPAID, "gamma": CREDIT}
ANSWERED_S = NOW_US // SECOND_US + 2

few = st.none() | st.integers(0, 4)
paces = st.none() | st.integers(1, 3)
groups = st.sets(st.sampled_from([EAST, WEST])).map(lambda ids: tuple(sorted(ids)))


@dataclass
class Talk:
    """A call in progress, as the store would keep it."""

    ticket: Ticket
    granted_s: int
    held: Held
    connected: str = ""


class Limits(RuleBasedStateMachine):
    """Two customers below an agent, three vendors, of which two are prepaid with one account."""

    talks = Bundle("talks")

    def __init__(self) -> None:
        super().__init__()
        self.holdings = Holdings(now_us=NOW_US)
        self.open: dict[str, Talk] = {}
        self.count = 0
        self.begun: list[tuple[int, frozenset[LineKey]]] = []

    @initialize(
        capacities=st.tuples(few, few, few, few),
        gateways=st.lists(few, min_size=5, max_size=5),
        of_phone=st.tuples(few, few),
        of_groups=st.tuples(few, few),
        gateway_paces=st.lists(paces, min_size=5, max_size=5),
        system_pace=st.none() | st.integers(1, 4),
        prepaid=st.decimals(0, 6, places=2),
    )
    def start(
        self,
        capacities: tuple[int | None, ...],
        gateways: list[int | None],
        of_phone: tuple[int | None, int | None],
        of_groups: tuple[int | None, int | None],
        gateway_paces: list[int | None],
        system_pace: int | None,
        prepaid: Decimal,
    ) -> None:
        zero, plenty = Decimal(0), Decimal(10_000)
        own_1, own_4, of_agent, below_4 = capacities
        keys: list[LineKey] = [("mapping", trunk) for trunk in CUSTOMERS.values()]
        keys += [("routing", gateway) for gateway in VENDOR_GATEWAYS.values()]
        lines = {
            key: Lines(0, capacity, pace)
            for key, capacity, pace in zip(keys, gateways, gateway_paces, strict=True)
        }
        lines[SYSTEM_LINE] = Lines(0, None, system_pace)
        lines["phone_out", PHONE], lines["phone", PHONE] = (Lines(0, limit) for limit in of_phone)
        lines["group", EAST], lines["group", WEST] = (Lines(0, limit) for limit in of_groups)
        self.holdings = Holdings(
            {
                1: Funds(plenty, zero, zero, 0, own_1),
                4: Funds(plenty, zero, zero, 0, own_4, 0, below_4),
                AGENT: Funds(plenty, zero, zero, 0, None, 0, of_agent),
                PREPAID: Funds(prepaid, zero, zero, 0, None),
                CREDIT: Funds(zero, zero, zero, 0, None),
            },
            lines,
            months={MONTH: MonthUse(zero, zero)},
            now_us=NOW_US,
        )

    @rule(after_us=st.sampled_from([1, 300_000, SECOND_US - 1, SECOND_US, 5 * SECOND_US]))
    def wait(self, after_us: int) -> None:
        self.holdings.now_us += after_us

    @rule(
        target=talks,
        account=st.sampled_from(sorted(CUSTOMERS)),
        by_phone=st.booleans(),
        of_trunk=groups,
        vendors=st.permutations(sorted(OF_VENDOR)),
        of_vendors=st.tuples(groups, groups, groups),
        costs=st.tuples(pricings(), pricings(), pricings()),
        most=st.integers(1, 3),
        quantum_s=st.integers(1, 120),
    )
    def place(
        self,
        account: int,
        by_phone: bool,
        of_trunk: tuple[int, ...],
        vendors: list[str],
        of_vendors: tuple[tuple[int, ...], ...],
        costs: tuple[Pricing, ...],
        most: int,
        quantum_s: int,
    ) -> object:
        self.count += 1
        made = ticket(
            call_id=call_id(self.count),
            account_id=account,
            mapping_gateway_id=CUSTOMERS[account],
            payers=(
                payer(pricing(account_id=account), account_id=account),
                Payer(AGENT, "agent", (pricing(account_id=AGENT),)),
            ),
            attempts=tuple(
                ticket_attempt(
                    vendor,
                    cost=replace(cost, account_id=OF_VENDOR[vendor]),
                    prepaid=OF_VENDOR[vendor] == PREPAID,
                    group_ids=group_ids,
                )
                for vendor, group_ids, cost in zip(vendors, of_vendors, costs, strict=True)
            ),
            setup_s=20,
            group_ids=of_trunk,
            month=MONTH if by_phone else None,
        )
        before = repr(self.holdings)
        rules = AdmissionRules(quantum_s, max_attempts=most)
        outcome = admit(made, rules, self.holdings)
        if not isinstance(outcome, Admitted):
            assert repr(self.holdings) == before
            return multiple()
        talk = Talk(made, outcome.granted_s, outcome.held)
        self.open[made.call_id] = talk
        first = outcome.held.gateway_ids[0]
        counted: frozenset[LineKey] = frozenset(
            {("mapping", CUSTOMERS[account]), ("routing", first), SYSTEM_LINE}
        )
        self.begun.append((self.holdings.now_us, counted))
        return talk

    @rule(talk=talks, which=st.integers(0, 2), known=st.booleans())
    def answer(self, talk: Talk, which: int, known: bool) -> None:
        if talk.ticket.call_id not in self.open or talk.connected:
            return
        gateway_id = talk.held.gateway_ids[which % len(talk.held.gateway_ids)]
        talk.connected = leg_id(gateway_id)
        answered = gateway_id if known else None
        talk.held = answered_by(talk.ticket, talk.held, answered, self.holdings)
        assert talk.held.gateway_ids == (gateway_id,) or not known
        # an answer that comes twice changes nothing
        assert answered_by(talk.ticket, talk.held, answered, self.holdings) == talk.held

    @rule(talk=talks, quantum_s=st.integers(1, 120))
    def renew(self, talk: Talk, quantum_s: int) -> None:
        if talk.ticket.call_id not in self.open or not talk.connected:
            return
        outcome = extend(
            talk.ticket, talk.granted_s, talk.held, quantum_s, ANSWERED_S, self.holdings
        )
        if isinstance(outcome, Admitted):
            talk.granted_s, talk.held = outcome.granted_s, outcome.held

    @rule(talk=consumes(talks), part=st.fractions(0, 1))
    def hang_up(self, talk: Talk, part: Fraction) -> None:
        """At the latest when the switch's timer ends the call, a moment after the grant."""
        del self.open[talk.ticket.call_id]
        talked_s = int((talk.granted_s + TIMER_SLACK_S) * part) if talk.connected else None
        end = ended(talked_s=talked_s, call_id=talk.ticket.call_id, connected_leg=talk.connected)
        settlement = settle(talk.ticket, end, talk.granted_s, talk.held, RecordRules())
        release(talk.ticket, talk.held, self.holdings)
        take(talk.ticket, settlement, self.holdings)

    @invariant()
    def no_limit_is_passed(self) -> None:
        for lines in self.holdings.lines.values():
            assert lines.used >= 0
            assert lines.capacity is None or lines.used <= lines.capacity
        for funds in self.holdings.funds.values():
            assert funds.capacity is None or funds.lines <= funds.capacity
            limit = funds.subtree_capacity
            assert limit is None or funds.subtree_lines <= limit

    @invariant()
    def counters_say_what_is_open(self) -> None:
        used: Counter[LineKey] = Counter()
        for talk in self.open.values():
            ticket, held = talk.ticket, talk.held
            used["mapping", ticket.mapping_gateway_id] += 1
            used.update(("routing", gateway_id) for gateway_id in held.gateway_ids)
            in_plan = [a for a in ticket.attempts if a.gateway_id in held.gateway_ids]
            of_vendors = {group_id for a in in_plan for group_id in a.group_ids}
            used.update(("group", group_id) for group_id in {*ticket.group_ids, *of_vendors})
            if ticket.month:
                used["phone", PHONE] += 1
                used["phone_out", PHONE] += 1
        assert {key: lines.used for key, lines in self.holdings.lines.items() if lines.used} == used
        for account, funds in self.holdings.funds.items():
            open_calls = [talk.ticket for talk in self.open.values()]
            assert funds.lines == sum(t.account_id == account for t in open_calls)
            below = [t for t in open_calls if account in [p.account_id for p in t.payers]]
            assert funds.subtree_lines == len(below)

    @invariant()
    def no_second_has_more_calls_than_its_limit(self) -> None:
        for key, lines in self.holdings.lines.items():
            if lines.per_second is None:
                assert lines.recent == ()
                continue
            times = [at_us for at_us, counted in self.begun if key in counted]
            for index, at_us in enumerate(times):
                second = [t for t in times[index:] if t < at_us + SECOND_US]
                assert len(second) <= lines.per_second
            assert sum(calls for _, calls in lines.recent) <= lines.per_second

    @invariant()
    def a_prepaid_vendor_is_never_overdrawn(self) -> None:
        if funds := self.holdings.funds.get(PREPAID):
            held = [dict(talk.held.vendors).get(PREPAID, 0) for talk in self.open.values()]
            assert funds.reserved == sum(held)
            assert funds.balance >= 0
            assert funds.available >= 0
            assert self.holdings.funds[CREDIT].reserved == 0

    def teardown(self) -> None:
        for talk in list(self.open.values()):
            self.hang_up(talk, part=Fraction(1))
        if self.holdings.funds:
            self.a_prepaid_vendor_is_never_overdrawn()
        assert not any(lines.used for lines in self.holdings.lines.values())
        for funds in self.holdings.funds.values():
            assert funds.reserved == 0
            assert (funds.lines, funds.subtree_lines) == (0, 0)


Limits.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestLimits = Limits.TestCase
