"""Calls written the way the controller writes them: decided, admitted, settled; and CDR files."""

import json
import os
import time
import uuid
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from controller.domain.admission import AdmissionRules, Admitted
from controller.domain.authorization import Authorized, authorize
from controller.domain.call_record import RecordRules, at_us
from controller.domain.events import AttemptEnded, CallEnded, CallOffered
from controller.domain.ticket import Ticket
from controller.domain.trace import Trace
from controller.persistence.call_store import PostgresCallStore
from controller.persistence.config_reader import load_configuration
from controller.services.journal_entries import Admit, Attempted, End
from controller.services.planning import make_ticket

SWITCH = "switch-1"
SECOND_US = 1_000_000


class RandomLegs:
    def leg_id(self) -> str:
        return str(uuid.uuid4())


class Caller:
    """Places calls on a planted database (tests/seed.py), as the customer at a port."""

    def __init__(self, engine: sa.Engine, url: str, port: int = 5060) -> None:
        self.port = port
        self.configuration = load_configuration(engine)
        self.store = PostgresCallStore(url)

    def draft(self, callee: str = "390612345678", started_us: int | None = None) -> Ticket:
        """A call that was decided, but not admitted."""
        started_us = started_us or int(time.time() * SECOND_US) - 60 * SECOND_US
        offered = CallOffered(
            SWITCH,
            str(uuid.uuid4()),
            started_us,
            "127.0.0.1",
            self.port,
            "0612345678",
            "",
            callee,
        )
        trace = Trace()
        decision = authorize(offered, self.configuration, at_us(started_us), trace)
        assert isinstance(decision, Authorized)
        zone = self.configuration.parameters.zone
        return make_ticket(offered, decision, tuple(trace.steps), RandomLegs(), zone)

    def admit(self, callee: str = "390612345678", started_us: int | None = None) -> Ticket:
        """A call that is in progress now."""
        ticket = self.draft(callee, started_us)
        outcome = self.store.commit([Admit(ticket, AdmissionRules())])[0]
        assert isinstance(outcome, Admitted)
        return ticket

    def settle(self, ticket: Ticket, talked_s: int = 30) -> CallEnded:
        ended = end_of(ticket, talked_s)
        leg = AttemptEnded(
            SWITCH,
            ticket.call_id,
            ticket.attempts[0].leg_id,
            1,
            ticket.attempts[0].gateway,
            ended.offered_us,
            0,
            ended.answered_us,
            ended.ended_us,
            "NORMAL_CLEARING",
            16,
            200,
            False,
            "0612345678",
            ticket.callee,
        )
        self.store.commit([Attempted(leg), End(ended, ticket, None, RecordRules())])
        return ended

    def place(self, talked_s: int = 30, callee: str = "390612345678") -> str:
        ticket = self.admit(callee)
        self.settle(ticket, talked_s)
        return ticket.call_id

    def record_refused(self, **changes: object) -> str:
        """A call that nobody knows: its record has no account and no charge."""
        ticket_free = CallEnded(
            switch_id=SWITCH,
            call_id=str(uuid.uuid4()),
            offered_us=int(time.time() * SECOND_US),
            ringing_us=0,
            answered_us=0,
            ended_us=int(time.time() * SECOND_US),
            cause="CALL_REJECTED",
            q850=21,
            sip_status=403,
            hangup_by_caller=False,
            platform_reason="unknown_source",
            connected_leg="",
            attempted_legs=(),
            source_ip="192.0.2.9",
            source_port=5060,
            caller="1",
            caller_name="",
            callee="2",
        )
        ended = replace(ticket_free, **changes)  # type: ignore[arg-type]
        self.store.commit([End(ended, None, None, RecordRules())])
        return ended.call_id

    def close(self) -> None:
        self.store.close()


def end_of(ticket: Ticket, talked_s: int) -> CallEnded:
    answered_us = ticket.offered_us + SECOND_US
    return CallEnded(
        switch_id=SWITCH,
        call_id=ticket.call_id,
        offered_us=ticket.offered_us,
        ringing_us=0,
        answered_us=answered_us if talked_s else 0,
        ended_us=answered_us + talked_s * SECOND_US,
        cause="NORMAL_CLEARING",
        q850=16,
        sip_status=200 if talked_s else 480,
        hangup_by_caller=True,
        platform_reason="",
        connected_leg=ticket.attempts[0].leg_id if talked_s else "",
        attempted_legs=(ticket.attempts[0].leg_id,),
        source_ip="127.0.0.1",
        source_port=5060,
        caller="0612345678",
        caller_name="",
        callee=ticket.callee,
    )


def write_cdr_file(folder: Path, ended: CallEnded, age_s: float = 60.0) -> Path:
    """What mod_json_cdr leaves for this end; variables as in fixtures/event_socket."""
    legs = [f"{leg};{'NONE' if ended.answered_us else 'NO_ANSWER'}" for leg in ended.attempted_legs]
    variables = {
        "uuid": ended.call_id,
        "start_uepoch": str(ended.offered_us),
        "progress_uepoch": str(ended.ringing_us),
        "answer_uepoch": str(ended.answered_us),
        "end_uepoch": str(ended.ended_us),
        "hangup_cause": ended.cause,
        "hangup_cause_q850": str(ended.q850),
        "sip_hangup_disposition": "recv_bye",
        "sip_network_ip": ended.source_ip,
        "sip_network_port": str(ended.source_port),
        "sip_from_user": ended.caller,
        "sip_req_user": ended.callee,
        "originate_causes": "|:".join(legs),
        "tollgate_offline": "true" if ended.offline else None,
    }
    path = folder / f"{ended.call_id}.cdr.json"
    path.write_text(json.dumps({"core-uuid": "x", "variables": variables}), encoding="utf-8")
    set_age(path, age_s)
    return path


def set_age(path: Path, age_s: float) -> None:
    written = time.time() - age_s
    os.utime(path, (written, written))
