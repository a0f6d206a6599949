"""Who this process is, and whether another one of this machine is dead (docs/adr/0013)."""

import os
import socket
import time
import uuid
from pathlib import Path

from controller.domain.lease import Owner

_START_FIELD, _STATE_FIELD = 19, 0  # after the name in /proc/PID/stat (proc(5): 22 and 3)


def own_identity() -> Owner:
    """This process. The token is new each time: a process calls this once."""
    pid = os.getpid()
    started = _started(pid)
    machine = _machine()
    mark = f"{machine}/{started}" if machine and started else ""
    return Owner(str(uuid.uuid4()), socket.gethostname(), pid, mark)


def is_dead(owner: Owner) -> bool:
    """Whether this was a process of this machine, since its start, and has ended.

    Never guesses: another machine's, or one that cannot be looked at, counts as alive.
    """
    machine, _, started = owner.mark.rpartition("/")
    if not machine or machine != _machine():
        return False
    try:
        os.kill(owner.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass  # another user's: it exists
    now = _started(owner.pid)
    return now is not None and now != started


def elapsed_s() -> float:
    """Seconds that pass even while the machine sleeps; only differences mean anything."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _machine() -> str:
    """This start of this machine and this space of process ids; empty where it doesn't tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """When the process began, in the kernel's ticks; "ended" for one that only waits to be
    collected, None where that cannot be read."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return "ended" if fields[_STATE_FIELD] in "ZX" else fields[_START_FIELD]
