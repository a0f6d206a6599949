"""The call service: every call of one switch from its offer to its settlement.

Gather (event, configuration), decide (`authorize`, pure), apply (journal, then one plan). It
runs on one thread and never waits: the journal and the switch answer through `on_outcomes` and
`on_event`. States and transitions are in `domain/call_flow.py`.
"""

import heapq
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from controller.domain.admission import Admitted
from controller.domain.authorization import Authorized, authorize
from controller.domain.call_flow import Do, Signal, State, step
from controller.domain.call_record import Unadmitted
from controller.domain.errors import Overloaded
from controller.domain.events import AttemptEnded, CallAnswered, CallEnded, CallOffered
from controller.domain.offline import offline_rules
from controller.domain.plan import Refuse
from controller.domain.reasons import Reason, Refused
from controller.domain.ticket import Ticket
from controller.domain.trace import Trace
from controller.services.journal_entries import (
    Admit,
    Answered,
    Attempted,
    End,
    Entry,
    Extend,
    Failed,
    Outcome,
    Settled,
)
from controller.services.planning import (
    admission_rules,
    connect_plan,
    limited_failover,
    make_ticket,
    renewal_lead_s,
    unadmitted_ticket,
)
from controller.services.ports import (
    CallMetrics,
    Clock,
    ConfigurationSource,
    EndedCallSpool,
    Ids,
    Journal,
    NoMetrics,
    SwitchLink,
)

log = logging.getLogger(__name__)

PLAN_DEADLINE_S = 2.0
"""A plan later than this is discarded: the fail-safe (3 s by the switch's clock) is at hand."""

SHED_AFTER_S = 0.5
"""An offer that was heard later than this is refused without a decision: events come faster than
they can be handled, and each that is refused cheaply helps those behind it."""

EXTENSION_RETRY_S = 1.0

ENDING_OF = {
    Reason.INSUFFICIENT_BALANCE: Reason.BALANCE_EXHAUSTED,
    Reason.MONTHLY_MAXIMUM: Reason.MONTHLY_MAXIMUM_REACHED,
}
"""How a call ends whose grant was not extended for such a reason."""


@dataclass(slots=True)
class LiveCall:
    """What this process knows of a call that is not settled yet."""

    offered_at: float
    state: State = State.OFFERED
    ticket: Ticket | None = None
    authorized: Authorized | None = None
    unadmitted: Unadmitted | None = None
    granted: Admitted | None = None
    answered_at: float = 0.0
    answered_us: int = 0
    replaced_s: int = 0


class CallService:
    """All calls of one switch."""

    def __init__(
        self,
        link: SwitchLink,
        journal: Journal,
        configuration: ConfigurationSource,
        clock: Clock,
        ids: Ids,
        spool: EndedCallSpool,
        metrics: CallMetrics | None = None,
    ) -> None:
        self._link = link
        self._journal = journal
        self._configuration = configuration
        self._clock = clock
        self._ids = ids
        self._spool = spool
        self._renewals: list[tuple[float, str]] = []
        self.calls: dict[str, LiveCall] = {}
        self._metrics = metrics or NoMetrics()
        self._actions: dict[Do, Callable[[str, LiveCall], None]] = {
            Do.SEND_PLAN: self._send_plan,
            Do.SEND_REFUSAL: self._send_refusal,
            Do.WATCH_GRANT: self._watch_grant,
            Do.ASK_EXTENSION: self._ask_extension,
            Do.ARM_TIMER: self._arm_timer,
        }

    # -- from the switch ------------------------------------------------------------------

    def on_offered(self, event: CallOffered) -> None:
        if event.call_id in self.calls:
            return
        now = self._clock.now()
        waited_s = max(0.0, now.timestamp() - event.offered_us / 1e6)
        call = LiveCall(self._clock.monotonic() - waited_s)
        self.calls[event.call_id] = call
        if waited_s > PLAN_DEADLINE_S:
            log.error("offered too late", extra={"call_id": event.call_id, "late_s": waited_s})
            call.unadmitted = Unadmitted(Reason.OVERLOADED)
            self._signal(event.call_id, call, Signal.ADMITTED_LATE)
            return
        if waited_s > SHED_AFTER_S:
            call.unadmitted = Unadmitted(Reason.OVERLOADED)
            self._turn_away(
                event.call_id, call, Refused(Reason.OVERLOADED, f"heard after {waited_s:.1f} s")
            )
            return
        trace = Trace()
        try:
            decision = authorize(event, self._configuration.current, now, trace)
        except Exception:
            log.exception("decision failed", extra={"call_id": event.call_id})
            decision = Refused(Reason.INTERNAL_ERROR)
        self._apply(event, call, decision, trace)

    def on_answered(self, event: CallAnswered) -> None:
        call = self.calls.get(event.call_id)
        if call is None or call.state is not State.CONNECTING:
            return
        # by the switch's stamp: an answer may reach us late, after a lost link
        since_s = max(0.0, self._clock.now().timestamp() - event.answered_us / 1e6)
        call.answered_at = self._clock.monotonic() - since_s
        call.answered_us = event.answered_us
        recorded = Do.RECORD_ANSWER in self._signal(event.call_id, call, Signal.ANSWERED)
        if recorded and call.ticket is not None:
            attempt = call.ticket.attempt(event.leg_id)
            gateway_id = attempt.gateway_id if attempt else None
            self._note(Answered(call.ticket, event.answered_us, gateway_id))

    def on_attempt_ended(self, event: AttemptEnded) -> None:
        call = self.calls.get(event.call_id)
        dialed = None
        if call is not None and call.ticket is not None and call.granted is not None:
            dialed = limited_failover(event, call.ticket, call.granted, self._configuration.current)
        self._note(Attempted(event, dialed))

    def on_ended(self, event: CallEnded) -> None:
        """From the event, the spool or a reconciliation; the store settles only once."""
        call = self.calls.get(event.call_id)
        if call is None:
            self._submit_end(event, None)
            return
        if call.state is State.OFFERED and call.ticket is not None:
            # gone before the admission came back: should that be a refusal, the record needs this
            gave_up = Reason.CANCELED if event.hangup_by_caller else Reason.CONTROLLER_UNAVAILABLE
            call.unadmitted = unadmitted_ticket(call.ticket, Refused(gave_up))
        if Do.SETTLE in self._signal(event.call_id, call, Signal.HUNG_UP):
            self._submit_end(event, call)

    # -- from the journal -----------------------------------------------------------------

    def on_outcomes(self, outcomes: list[tuple[Entry, Outcome]]) -> None:
        for entry, outcome in outcomes:
            if isinstance(entry, Admit):
                self._on_admission(entry.call_id, outcome)
            elif isinstance(entry, Extend):
                self._on_extension(entry.call_id, outcome)
            elif isinstance(entry, End):
                self._on_settled(entry.call_id, outcome)

    def _on_admission(self, call_id: str, outcome: Outcome) -> None:
        call = self.calls.get(call_id)
        if call is None:
            return
        if isinstance(outcome, Admitted):
            call.granted = outcome
            if call.ticket is not None:
                call.ticket = replace(call.ticket, payers=outcome.payers)
            waited_s = self._clock.monotonic() - call.offered_at
            self._metrics.decided(waited_s)
            late = waited_s > PLAN_DEADLINE_S
            self._signal(call_id, call, Signal.ADMITTED_LATE if late else Signal.ADMITTED)
            return
        refused = outcome if isinstance(outcome, Refused) else Refused(Reason.STORE_UNAVAILABLE)
        self._turn_away(call_id, call, refused)

    def _on_extension(self, call_id: str, outcome: Outcome) -> None:
        call = self.calls.get(call_id)
        if call is None:
            return
        if isinstance(outcome, Admitted):
            call.replaced_s = call.granted.granted_s if call.granted else 0
            call.granted = outcome
            self._signal(call_id, call, Signal.EXTENDED)
        elif isinstance(outcome, Refused):
            self._signal(call_id, call, Signal.NOT_EXTENDED)
            reason = outcome.reason
            self._link.name_ending(call_id, ENDING_OF.get(reason, reason))
        elif isinstance(outcome, Failed) and outcome.retry:
            self._push_renewal(self._clock.monotonic() + EXTENSION_RETRY_S, call_id)

    def _on_settled(self, call_id: str, outcome: Outcome) -> None:
        self.calls.pop(call_id, None)
        if isinstance(outcome, Failed):
            log.error("not settled", extra={"call_id": call_id, "why": outcome.why})
        if isinstance(outcome, Settled):
            self._metrics.settled()
            self._spool.discard(call_id)
            if outcome.settlement is not None and outcome.settlement.cdr.review:
                why = outcome.settlement.cdr.review
                log.warning("released, to be reviewed", extra={"call_id": call_id, "why": why})

    # -- from time ------------------------------------------------------------------------

    def tick(self) -> None:
        """Ask for the next quantum of every call whose grant runs out soon."""
        now = self._clock.monotonic()
        while self._renewals and self._renewals[0][0] <= now:
            _, call_id = heapq.heappop(self._renewals)
            if call := self.calls.get(call_id):
                self._signal(call_id, call, Signal.GRANT_RUNS_OUT)

    def adopt(
        self, ticket: Ticket, granted: Admitted, answered_at: float | None, answered_us: int
    ) -> None:
        """Take over a call that another process admitted (`answered_at`: our monotonic time).

        That one may have died between a renewal and its timer: the grant before, whose timer the
        switch then still has, is most likely a quantum shorter.
        """
        state = State.CONNECTING if answered_at is None else State.TALKING
        call = LiveCall(self._clock.monotonic(), state, ticket, granted=granted)
        quantum_s = self._configuration.current.parameters.quantum_s
        call.replaced_s = max(0, granted.granted_s - quantum_s)
        self.calls[ticket.call_id] = call
        if answered_at is not None:
            call.answered_at, call.answered_us = answered_at, answered_us
            self._arm_timer(ticket.call_id, call)
            self._watch_grant(ticket.call_id, call)

    def arm_timers_again(self) -> None:
        """After a lost link: an extension's timer may not have reached the switch."""
        for call_id, call in self.calls.items():
            if call.replaced_s and call.state in (State.TALKING, State.LAST_GRANT):
                self._arm_timer(call_id, call)

    # -- from people ----------------------------------------------------------------------

    def hang_up(self, call_id: str) -> None:
        """At the switch, whatever is known of the call here. Its end comes as every other's."""
        self._link.hang_up(call_id, Reason.ADMINISTRATOR)

    # -- decisions applied ----------------------------------------------------------------

    def _apply(
        self,
        event: CallOffered,
        call: LiveCall,
        decision: Authorized | Refused,
        trace: Trace,
    ) -> None:
        steps = tuple(trace.steps)
        if isinstance(decision, Refused):
            gateway = self._configuration.current.identify(event.source_ip, event.source_port)
            account_id = gateway.account_id if gateway else None
            name = gateway.name if gateway else ""
            call.unadmitted = Unadmitted(decision.reason, account_id, name, steps)
            self._turn_away(event.call_id, call, decision)
            return
        call.authorized = decision
        parameters = self._configuration.current.parameters
        call.ticket = make_ticket(event, decision, steps, self._ids, parameters.zone)
        rules = admission_rules(parameters)
        offline = offline_rules(self._configuration.current, decision)
        try:
            self._journal.submit(Admit(call.ticket, rules, offline))
        except Overloaded as error:
            self._turn_away(event.call_id, call, Refused(Reason.OVERLOADED, str(error)))

    def _turn_away(self, call_id: str, call: LiveCall, refused: Refused) -> None:
        """Remember why (for the record), then tell the switch."""
        if call.unadmitted is None:
            call.unadmitted = unadmitted_ticket(call.ticket, refused)
        call.ticket = None
        self._metrics.refused(refused.reason)
        log.info(
            "refused",
            extra={"call_id": call_id, "reason": str(refused.reason), "detail": refused.detail},
        )
        self._signal(call_id, call, Signal.REFUSED)

    def _signal(self, call_id: str, call: LiveCall, signal: Signal) -> tuple[Do, ...]:
        call.state, todo = step(call.state, signal)
        for do in todo:
            if action := self._actions.get(do):
                action(call_id, call)
        return todo

    def _send_plan(self, call_id: str, call: LiveCall) -> None:
        if call.authorized is None or call.ticket is None or call.granted is None:
            raise RuntimeError(f"call {call_id}: a plan without an admission")
        parameters = self._configuration.current.parameters
        self._link.send_plan(
            connect_plan(call.ticket, call.authorized, call.granted, parameters.stop_causes)
        )
        call.authorized = None

    def _send_refusal(self, call_id: str, call: LiveCall) -> None:
        reason = call.unadmitted.reason if call.unadmitted else Reason.INTERNAL_ERROR
        self._link.send_plan(Refuse(call_id, reason))

    def _watch_grant(self, call_id: str, call: LiveCall) -> None:
        if call.granted is not None:
            granted_s = call.granted.granted_s
            self._push_renewal(call.answered_at + granted_s - renewal_lead_s(granted_s), call_id)

    def _push_renewal(self, due: float, call_id: str) -> None:
        heapq.heappush(self._renewals, (due, call_id))

    def _ask_extension(self, call_id: str, call: LiveCall) -> None:
        if call.ticket is not None:
            quantum_s = self._configuration.current.parameters.quantum_s
            if not self._note(Extend(call.ticket, quantum_s, call.answered_us)):
                self._push_renewal(self._clock.monotonic() + EXTENSION_RETRY_S, call_id)

    def _arm_timer(self, call_id: str, call: LiveCall) -> None:
        if call.granted is None:
            return
        granted_s = call.granted.granted_s
        spent_s = self._clock.monotonic() - call.answered_at
        remaining_s = max(1, int(granted_s - spent_s))
        self._link.arm_timer(call_id, granted_s, call.replaced_s, remaining_s)

    def _submit_end(self, event: CallEnded, call: LiveCall | None) -> None:
        rules = self._configuration.current.parameters.record_rules
        ticket = call.ticket if call else None
        unadmitted = call.unadmitted if call else None
        if not self._note(End(event, ticket, unadmitted, rules)):
            # its CDR file stays: recovery finds it when the database is back
            self.calls.pop(event.call_id, None)

    def _note(self, entry: Entry) -> bool:
        """Queue what has happened; False where not even that has room any more."""
        try:
            self._journal.submit(entry)
        except Overloaded as error:
            log.error("not noted", extra={"call_id": entry.call_id, "why": str(error)})
            return False
        return True
