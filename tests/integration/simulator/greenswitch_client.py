"""A controller written with greenswitch, run as a process of its own: gevent patches nothing here.

`python -m tests.integration.simulator.greenswitch_client PORT PASSWORD` transfers the first call
that parks, waits for its end and prints what it saw as JSON.
"""

import json
import sys
from typing import Any

import gevent
import greenswitch
from gevent.event import Event as Signal

PLAN = (
    "m:~:multiset:^^;tollgate_reason=;execute_on_answer=sched_hangup +60 ALLOTTED_TIMEOUT"
    "~bridge:[^^;tollgate_attempt=1]sofia/trunks/12025550100@127.0.0.1:5081"
)


def control(port: int, password: str) -> dict[str, Any]:
    """Drive one call and say what happened."""
    link = greenswitch.InboundESL(host="127.0.0.1", port=port, password=password)
    link.connect()
    seen: dict[str, Any] = {"events": []}
    over = Signal()

    def note(event: Any) -> None:
        name, direction = event.headers["Event-Name"], event.headers["Call-Direction"]
        seen["events"].append([name, direction])
        if name == "CHANNEL_PARK":
            uuid = event.headers["Unique-ID"]
            seen["callee"] = event.headers["Caller-Destination-Number"]
            gevent.spawn(transfer, uuid)
        if name == "CHANNEL_HANGUP_COMPLETE" and direction == "inbound":
            seen["cause"] = event.headers["Hangup-Cause"]
            seen["billsec"] = event.headers["variable_billsec"]
            over.set()

    def transfer(uuid: str) -> None:
        seen["exists"] = link.send(f"api uuid_exists {uuid}").data
        seen["transfer"] = link.send(f"api uuid_transfer {uuid} '{PLAN}' inline").data

    names = ("CHANNEL_PARK", "CHANNEL_ANSWER", "CHANNEL_HANGUP_COMPLETE")
    for name in names:
        link.register_handle(name, note)
    seen["subscribed"] = link.send(f"events plain {' '.join(names)}").data
    seen["version"] = link.send("api version").data
    seen["unknown"] = link.send("api no_such_command").data
    sys.stdout.write("listening\n")
    sys.stdout.flush()
    over.wait(20)
    link.stop()
    return seen


if __name__ == "__main__":
    outcome = control(int(sys.argv[1]), sys.argv[2])
    sys.stdout.write(json.dumps(outcome) + "\n")
