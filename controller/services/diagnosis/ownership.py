"""Judgments about who owns the switches (docs/adr/0013)."""

from collections.abc import Iterable, Sequence

from controller.services.doctor import Finding, Status
from controller.services.switches import Switch

EXAMPLES = 3


def judge_ownership(switch_id: str, switches: Sequence[Switch]) -> Iterable[Finding]:
    """Of the switch of these settings, then of all others."""
    mine = next((switch for switch in switches if switch.switch_id == switch_id), None)
    yield _owner(switch_id, mine)
    orphans = [switch for switch in switches if switch.open_calls and not switch.owned]
    name = "calls without owner"
    if not orphans:
        yield Finding(name, Status.OK, "every switch with calls has a controller")
        return
    shown = ", ".join(
        f"{switch.switch_id}: {switch.open_calls} since {switch.oldest_call:%Y-%m-%dT%H:%MZ}"
        for switch in orphans[:EXAMPLES]
    )
    remedy = "start its controller; if the switch is gone for good: 'tollgate switch retire NAME'"
    yield Finding(name, Status.WARN, f"{shown}: they hold money and lines", remedy)


def _owner(switch_id: str, switch: Switch | None) -> Finding:
    name = "switch owner"
    if switch is None or not switch.owned:
        waiting = f", {switch.controllers} wait for it" if switch and switch.controllers else ""
        detail = f"nobody owns {switch_id}{waiting}: its calls are refused with 503"
        return Finding(name, Status.WARN, detail, "start 'tollgate run' or 'tollgate controller'")
    standing_by = max(0, switch.controllers - 1)
    detail = f"{switch.owner} owns {switch_id}, epoch {switch.epoch}; {standing_by} standing by"
    return Finding(name, Status.OK, detail)
