"""The doctor: checks of everything that a deployment needs, each in one line with its remedy.

Not in a call's path. A check gathers facts through what it was given, in a thread of its own: it
has a time limit, and whatever happens in it is its own finding and nobody else's. What facts
mean is decided in `diagnosis`.
"""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from controller.domain.errors import TollgateError


class Status(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, and what to do about it (empty when all is well)."""

    check: str
    status: Status
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """`work` may take as long as `limit_s`. It is not done where a check in `needs` has failed."""

    name: str
    work: Callable[[], Iterable[Finding]]
    limit_s: float = 10.0
    needs: tuple[str, ...] = ()


def examine(checks: Sequence[Check]) -> Iterator[Finding]:
    """Findings in order, as they come."""
    failed: set[str] = set()
    for check in checks:
        if missing := [name for name in check.needs if name in failed]:
            failed.add(check.name)
            why = f"not checked: {missing[0]} failed"
            yield Finding(check.name, Status.WARN, why, f"mend {missing[0]} first")
            continue
        findings = _within(check)
        if any(f.check == check.name and f.status is Status.FAIL for f in findings):
            failed.add(check.name)
        yield from findings


def _within(check: Check) -> list[Finding]:
    """The check's findings, or one about the check itself.

    A thread that hangs is left behind; as a daemon it ends with the process.
    """
    answers: queue.SimpleQueue[list[Finding]] = queue.SimpleQueue()
    threading.Thread(
        target=lambda: answers.put(_guarded(check)), name=f"doctor {check.name}", daemon=True
    ).start()
    try:
        return answers.get(timeout=check.limit_s)
    except queue.Empty:
        why = f"no answer within {check.limit_s:g} s"
        return [Finding(check.name, Status.FAIL, why, "find out what hangs, then ask again")]


def _guarded(check: Check) -> list[Finding]:
    try:
        return list(check.work())
    except TollgateError as error:
        return [Finding(check.name, Status.FAIL, _one_line(error), "see the message")]
    except Exception as error:  # noqa: BLE001 - one broken check must not hide the others
        why = f"{type(error).__name__}: {_one_line(error)}"
        return [Finding(check.name, Status.FAIL, why, "see the message")]


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
