"""What the doctor asks a switch and its spool folder. Not in a call's path.

A connection of its own, a few `api` questions, each with the link's time limit. A question that
the switch doesn't understand costs only its own answer.
"""

import os
import re
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from controller.drivers.freeswitch.codec import Frame
from controller.drivers.freeswitch.connection import EventSocket, open_socket
from controller.drivers.freeswitch.dialplan import safe
from controller.drivers.freeswitch.spool import SUFFIX
from controller.drivers.freeswitch.translate import stamp, text
from controller.services.diagnosis.switch import TRUNKS_CONTEXT, SpoolFacts, SwitchFacts

NEEDED_MODULES = (
    "mod_commands",
    "mod_dialplan_xml",
    "mod_dptools",
    "mod_event_socket",
    "mod_json_cdr",
    "mod_sofia",
)
MOST_ASKED = 2_000
CONTEXTS = (TRUNKS_CONTEXT, "tollgate_phones")
_ACTION = re.compile(r'<(?:anti-)?action\s[^>]*?\bapplication="([^"]*)"')
_SESSIONS_PER_S = re.compile(r"out of max (\d{1,9})")
_PROFILE = re.compile(r"^\s*(\S+)\s+profile\s+\S+\s+(\S+)", re.MULTILINE)


async def inspect_switch(host: str, port: int, password: str, timeout_s: float) -> SwitchFacts:
    """Connect, ask, disconnect. Raises SwitchError."""
    link = await open_socket(host, port, password, _ignore, timeout_s)
    try:
        began = time.perf_counter()
        version = await _ask(link, "version")
        answered_in_ms = round((time.perf_counter() - began) * 1000)
        return SwitchFacts(
            version=text(version.splitlines()[0] if version else "no version told"),
            instance=text(await _ask(link, "global_getvar core_uuid")),
            answered_in_ms=answered_in_ms,
            profiles=_profiles(await _ask(link, "sofia status")),
            sessions_per_s=_sessions_per_s(await _ask(link, "status")),
            clock_ahead_s=await _clock_ahead_s(link),
            missing_modules=await _missing_modules(link),
            hand_offs=await _hand_offs(link),
            park_timeout=text(await _ask(link, "global_getvar park_timeout")),
        )
    finally:
        link.close("asked")


async def calls_gone(
    host: str, port: int, password: str, timeout_s: float, call_ids: Iterable[str]
) -> tuple[str, ...]:
    """Those of `call_ids` that the switch does not have. Raises SwitchError.

    Each is asked for by itself: the switch's list of channels lags behind.
    """
    asked = list(call_ids)[:MOST_ASKED]
    link = await open_socket(host, port, password, _ignore, timeout_s)
    try:
        replies = [link.ask(f"api uuid_exists {safe(call_id)}") for call_id in asked]
        answers = [(await reply).reply for reply in replies]
    finally:
        link.close("asked")
    return tuple(id_ for id_, answer in zip(asked, answers, strict=True) if answer == "false")


def inspect_spool(folder: Path) -> SpoolFacts:
    """The folder into which the switch writes its CDR files."""
    if not folder.is_dir():
        return SpoolFacts(str(folder), exists=False)
    waiting, oldest, bad = 0, time.time(), 0
    with os.scandir(folder) as entries:
        for entry in entries:
            bad += entry.name.endswith(".bad")
            if entry.name.endswith(SUFFIX):
                waiting += 1
                oldest = min(oldest, _written_at(entry))
    return SpoolFacts(
        str(folder),
        exists=True,
        writable=os.access(folder, os.W_OK | os.X_OK),
        waiting=waiting,
        oldest_s=max(0.0, time.time() - oldest),
        bad=bad,
        free_bytes=shutil.disk_usage(folder).free,
    )


def _written_at(entry: os.DirEntry[str]) -> float:
    try:
        return entry.stat().st_mtime
    except FileNotFoundError:  # settled meanwhile
        return time.time()


async def _ask(link: EventSocket, command: str) -> str:
    return (await link.ask(f"api {command}")).reply


async def _clock_ahead_s(link: EventSocket) -> float | None:
    """The switch's time less ours, at the middle of the question."""
    before = time.time()
    micros = stamp(await _ask(link, "strmicroepoch"))
    middle = (before + time.time()) / 2
    if micros:
        return micros / 1e6 - middle
    seconds = stamp(await _ask(link, "strepoch"))
    # whole seconds only: half of one is the best guess at what was cut off
    return seconds + 0.5 - time.time() if seconds else None


async def _missing_modules(link: EventSocket) -> tuple[str, ...]:
    answers = {name: await _ask(link, f"module_exists {name}") for name in NEEDED_MODULES}
    return tuple(name for name, answer in answers.items() if answer == "false")


async def _hand_offs(link: EventSocket) -> dict[str, tuple[str, ...]] | None:
    """The applications of each context, in the switch's own, normalized XML."""
    found = {}
    for context in CONTEXTS:
        reply = await _ask(link, f"xml_locate dialplan context name {context}")
        if reply.startswith("-"):
            return None
        if reply.startswith("<"):
            found[context] = tuple(text(name) for name in _ACTION.findall(reply))
    return found


def _profiles(reply: str) -> dict[str, bool] | None:
    """Profile names, and whether each is running."""
    if reply.startswith("-"):
        return None
    return {text(name): state == "RUNNING" for name, state in _PROFILE.findall(reply)}


def _sessions_per_s(reply: str) -> int | None:
    found = _SESSIONS_PER_S.search(reply)
    return int(found[1]) if found else None


def _ignore(_frame: Frame) -> None:
    """Nothing is subscribed to."""
