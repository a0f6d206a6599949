"""Judgments about a switch, the CDR files that it leaves, and the calls that it should have."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.services.calls import PLAN_DEADLINE_S
from controller.services.diagnosis.clock_and_disk import judge_clock, judge_disk
from controller.services.doctor import Finding, Status

ENOUGH_SESSIONS_PER_S = 200
"""A call that fails over twice is four sessions to the switch; its default is 30."""

TRUNKS_CONTEXT = "tollgate"
"""Of the dialplan: where calls of trunks begin."""

SPOOL_PATIENCE_S = 60.0
SPOOL_ALARM_S = 3600.0


@dataclass(frozen=True, slots=True)
class SwitchFacts:
    """What a switch said of itself; None or empty where it said nothing usable.

    `hand_offs`: the applications that its dialplan runs, by context. `park_timeout`: as set.
    """

    version: str
    instance: str
    answered_in_ms: int
    profiles: dict[str, bool] | None
    sessions_per_s: int | None
    clock_ahead_s: float | None
    missing_modules: tuple[str, ...] = ()
    hand_offs: Mapping[str, tuple[str, ...]] | None = None
    park_timeout: str = ""

    @property
    def is_simulator(self) -> bool:
        return "simulator" in self.version


@dataclass(frozen=True, slots=True)
class SpoolFacts:
    folder: str
    exists: bool
    writable: bool = False
    waiting: int = 0
    oldest_s: float = 0.0
    bad: int = 0
    free_bytes: int = 0


@dataclass(frozen=True, slots=True)
class OpenCallFacts:
    """Calls that the database holds open, and those of them that the switch does not have."""

    open_calls: int
    gone: tuple[str, ...] = ()


def judge_switch(facts: SwitchFacts, trunk_profile: str) -> Iterable[Finding]:
    yield Finding("switch version", Status.OK, facts.version)
    yield _profiles(facts, trunk_profile)
    yield _session_rate(facts.sessions_per_s)
    if facts.clock_ahead_s is None:
        yield Finding("switch clock", Status.WARN, "the switch does not tell its time", "check NTP")
    else:
        yield judge_clock("switch clock", facts.clock_ahead_s, PLAN_DEADLINE_S)
    if facts.missing_modules:
        yield Finding(
            "switch modules",
            Status.FAIL,
            f"not loaded: {', '.join(facts.missing_modules)}",
            "load them in modules.conf.xml (freeswitch_conf/ has a complete one)",
        )
    else:
        yield Finding("switch modules", Status.OK, "all that are needed are loaded")
    yield _hand_off(facts)


def _profiles(facts: SwitchFacts, trunk_profile: str) -> Finding:
    name = "SIP profiles"
    if facts.profiles is None:
        if facts.is_simulator:
            return Finding(name, Status.OK, "a simulator has none")
        return Finding(name, Status.WARN, "the switch does not tell", "is mod_sofia loaded?")
    down = sorted(profile for profile, running in facts.profiles.items() if not running)
    if not facts.profiles.get(trunk_profile):
        detail = f"profile {trunk_profile} is not running: no call comes in or goes out"
        return Finding(name, Status.FAIL, detail, "see the switch's log: is its port in use?")
    if down:
        return Finding(name, Status.WARN, f"not running: {', '.join(down)}", "see the switch's log")
    return Finding(name, Status.OK, f"{', '.join(sorted(facts.profiles))} running")


def _session_rate(per_s: int | None) -> Finding:
    name = "sessions per second"
    if per_s is None:
        return Finding(name, Status.WARN, "the switch does not tell its limit", "see switch.conf")
    if per_s < ENOUGH_SESSIONS_PER_S:
        detail = f"{per_s} at most, every leg counted: calls beyond are refused by the switch"
        return Finding(name, Status.WARN, detail, "raise sessions-per-second in switch.conf.xml")
    return Finding(name, Status.OK, f"{per_s} at most")


def _hand_off(facts: SwitchFacts) -> Finding:
    """A call waits in `park` for its decision, with a timeout, and nothing follows."""
    name = "hand-off"
    if facts.hand_offs is None and facts.is_simulator:
        return Finding(name, Status.OK, "a simulator's own")
    if facts.hand_offs is None or TRUNKS_CONTEXT not in facts.hand_offs:
        remedy = "install dialplan/ and freeswitch_conf/, or compare with them"
        detail = f"the dialplan has no context {TRUNKS_CONTEXT}, where calls of trunks begin"
        return Finding(name, Status.WARN, detail, remedy)
    for context, applications in sorted(facts.hand_offs.items()):
        if applications != ("park",):
            detail = (
                f"context {context} runs {', '.join(applications) or 'nothing'} instead of park"
                " alone: what follows park may end a call in the moment of its decision"
            )
            remedy = "install dialplan/00_tollgate.xml of this version, then reloadxml"
            return Finding(name, Status.FAIL, detail, remedy)
    seconds = facts.park_timeout.partition(":")[0]
    if not (seconds.isascii() and seconds.isdigit() and int(seconds)):
        detail = "park_timeout is not set: calls stay parked where no controller decides them"
        return Finding(name, Status.FAIL, detail, "include dialplan/defaults.xml first of all")
    detail = f"{', '.join(sorted(facts.hand_offs))}: park, for {seconds} s at most"
    return Finding(name, Status.OK, detail)


def judge_spool(facts: SpoolFacts) -> Iterable[Finding]:
    name = "CDR spool"
    if not facts.exists:
        remedy = "make it for the switch's user, or say with TOLLGATE_CDR_SPOOL where it writes"
        yield Finding(name, Status.FAIL, f"{facts.folder} is not there", remedy)
        return
    if not facts.writable:
        remedy = "let this user remove files there; settled ones pile up otherwise"
        yield Finding(name, Status.FAIL, f"{facts.folder} is not writable", remedy)
    elif facts.oldest_s > SPOOL_PATIENCE_S:
        status = Status.FAIL if facts.oldest_s > SPOOL_ALARM_S else Status.WARN
        detail = f"{facts.waiting} files wait, the oldest for {facts.oldest_s:.0f} s"
        yield Finding(name, status, detail, "is the controller running? 'tollgate cdr ingest'")
    else:
        yield Finding(name, Status.OK, f"{facts.folder}: {facts.waiting} files wait")
    if facts.bad:
        detail = f"{facts.bad} files in {facts.folder} are no records (.bad)"
        yield Finding("CDR files", Status.WARN, detail, "look at them, then remove them")
    yield judge_disk("spool disk", facts.free_bytes)


def judge_open_calls(facts: OpenCallFacts) -> Finding:
    if not facts.gone:
        detail = f"{facts.open_calls}, all known to the switch"
        return Finding("open calls", Status.OK, detail)
    return Finding(
        "open calls",
        Status.WARN,
        f"{len(facts.gone)} of {facts.open_calls} are unknown to the switch, first {facts.gone[0]}",
        "a running controller settles them within a minute; else 'tollgate cdr ingest'",
    )
