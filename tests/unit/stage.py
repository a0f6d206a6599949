"""A call service with fakes around it: tests play calls on it and look at what came of them."""

from dataclasses import replace
from typing import Any

from controller.domain.events import CallAnswered, CallEnded, CallOffered
from controller.services.calls import CallService
from tests.unit.domain.builders import SECOND_US, World, answered, call_id, ended, offered
from tests.unit.fakes import (
    CountedCalls,
    FakeLink,
    FixedConfiguration,
    HeldJournal,
    ManualClock,
    MemorySpool,
    NumberedIds,
)
from tests.unit.memory_store import MemoryCallStore


class Stage:
    """A call service with fakes around it; tests play calls on it."""

    def __init__(self, world: World | None = None, store: MemoryCallStore | None = None) -> None:
        self.world = world or World()
        self.store = store or MemoryCallStore()
        self.clock = ManualClock()
        self.link = FakeLink()
        self.journal = HeldJournal(self.store)
        self.spool = MemorySpool()
        self.offers: dict[str, CallOffered] = {}
        self.answers: dict[str, CallAnswered] = {}
        self.metrics = CountedCalls()
        self.calls = self.new_process()

    def new_process(self) -> CallService:
        """A call service that knows nothing yet, on the same store and switch."""
        self.calls = CallService(
            self.link,
            self.journal,
            FixedConfiguration(self.world),
            self.clock,
            NumberedIds(),
            self.spool,
            self.metrics,
        )
        self.journal.deliver = self.calls.on_outcomes
        return self.calls

    def stamp_us(self) -> int:
        """The switch's time now."""
        return round(self.clock.now().timestamp() * SECOND_US)

    def offer(self, number: int = 1, **changes: Any) -> str:
        """An offer of this moment; not yet decided in the database."""
        event = offered(call_id=call_id(number), offered_us=self.stamp_us())
        self.offers[event.call_id] = replace(event, **changes)
        self.calls.on_offered(self.offers[event.call_id])
        return event.call_id

    def connect(self, number: int = 1, **changes: Any) -> str:
        """An offer, admitted."""
        name = self.offer(number, **changes)
        self.journal.flush()
        return name

    def answer(self, name: str, attempt: int = 0) -> None:
        """The answer of one of the plan's attempts, now."""
        leg = self.link.plan_of(name).attempts[attempt].leg_id
        self.answers[name] = answered(leg, call_id=name, answered_us=self.stamp_us())
        self.calls.on_answered(self.answers[name])
        self.journal.flush()

    def pass_time(self, seconds: float, step_s: float = 0.25) -> None:
        """Let time pass as the controller sees it, tick by tick."""
        for _ in range(round(seconds / step_s)):
            self.clock.advance(step_s)
            self.calls.tick()
            self.journal.flush()

    def end(self, name: str, **changes: Any) -> CallEnded:
        """How the switch would tell the end of a call now: answered or not, as it was."""
        offer, answer = self.offers[name], self.answers.get(name)
        talked = {"talked_s": 0.0} if answer else {}
        legs = (answer.leg_id,) if answer else ()
        event = ended(call_id=name, **talked, ended_us=self.stamp_us())
        event = replace(
            event,
            offered_us=offer.offered_us,
            ringing_us=0,
            answered_us=answer.answered_us if answer else 0,
            connected_leg=legs[0] if legs else "",
            attempted_legs=legs,
            callee=offer.callee,
        )
        return replace(event, **changes)

    def hang_up(self, name: str, **changes: Any) -> CallEnded:
        """The end of a call, now, settled."""
        event = self.end(name, **changes)
        self.calls.on_ended(event)
        self.journal.flush()
        return event
