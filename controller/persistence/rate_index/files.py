"""Which file a deck has, whether it can be trusted, and having it built where there is none.

The building process reads exactly what this transaction sees, by its exported snapshot. It has
the database's URL from its environment: arguments can be read by everybody on the machine.
"""

import fcntl
import logging
import mmap
import os
import re
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from controller.domain.errors import StoreUnavailable
from controller.persistence.rate_index.deck import gather
from controller.persistence.rate_index.index import CompiledIndex
from controller.persistence.rate_index.layout import (
    UNFINISHED,
    DamagedIndex,
    Identity,
    pack,
    write,
)
from controller.persistence.rate_index.stored import Driver, read_rates

log = logging.getLogger(__name__)

URL_VARIABLE = "TOLLGATE_RATE_INDEX_DATABASE"
BUILD_TIMEOUT_S = 600
_UNFINISHED_S = 3600
_UNUSED_S = 30 * 86_400
_NAME = re.compile(r"(?P<database>[0-9a-f.]+)-(?P<group>\d+)-(?P<version>\d+)-\w+\.v\d+", re.ASCII)
_PACKAGE_FOLDER = Path(__file__).resolve().parents[3]


def open_index(path: Path, identity: Identity) -> CompiledIndex | None:
    """The index in a file, or none: not there, not ours, damaged, or of other rates."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        _require_own(handle)
        return CompiledIndex(mmap.mmap(handle, 0, prot=mmap.PROT_READ), identity)
    except (DamagedIndex, OSError, ValueError) as error:
        log.warning("rate index not used", extra={"file": str(path), "why": str(error)})
        return None
    finally:
        os.close(handle)


def build(connection: Driver, identity: Identity) -> list[bytes]:
    """The bytes of the index of what the connection's transaction sees."""
    return pack(gather(read_rates(connection, identity.group_id), identity.mode), identity)


def build_file(connection: Driver, directory: Path, identity: Identity) -> None:
    """Write the index file, unless another process has done it while this one waited."""
    path = directory / identity.file_name
    with _alone(directory / f"{identity.database}-{identity.group_id}.lock"):
        if open_index(path, identity) is None:
            write(build(connection, identity), path)


class IndexFiles:
    """The index files in a folder, which several processes may share."""

    def __init__(self, directory: Path | None) -> None:
        """Without a folder, indexes are compiled in memory, each time anew."""
        # the builder runs in another folder
        self._directory = None if directory is None else directory.absolute()

    def index(self, connection: Driver, url: str, identity: Identity) -> CompiledIndex:
        """The index of a group's rates, compiled first if need be (seconds, off this process).

        Raises StoreUnavailable if it cannot be built. If only the folder cannot be used, it is
        compiled in memory, by this process.
        """
        directory = self._directory
        if directory is None or not _usable(directory):
            return CompiledIndex(b"".join(build(connection, identity)), identity)
        path = directory / identity.file_name
        index = open_index(path, identity)
        if index is None:
            _have_built(connection, url, directory, identity)
            index = open_index(path, identity)
        if index is None:
            raise StoreUnavailable(f"rate index {path} was built, but cannot be used")
        return index

    def sweep(self, database: str, versions: Mapping[int, int], wanted: Collection[str]) -> None:
        """Remove files of this database's groups that a version of the rates has overtaken.

        `versions` are those of all groups, `wanted` the names in use. Files of newer versions
        stay: another process was faster. So do other databases', if they were used lately.
        """
        if self._directory is None:
            return
        for path in _files(self._directory):
            if path.name not in wanted and _is_old(path, database, versions):
                path.unlink(missing_ok=True)


def _have_built(connection: Driver, url: str, directory: Path, identity: Identity) -> None:
    row = connection.execute("SELECT pg_export_snapshot()").fetchone()
    snapshot = str(row[0]) if row else ""
    command = (
        *(sys.executable, "-m", "controller.persistence.rate_index"),
        *(str(directory), str(identity.group_id), str(identity.version), identity.mode, snapshot),
    )
    started = time.monotonic()
    try:
        done = subprocess.run(  # noqa: S603 - our own module, and no text from outside
            command,
            cwd=_PACKAGE_FOLDER,
            env=os.environ | {URL_VARIABLE: url},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=BUILD_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StoreUnavailable(f"rate index of group {identity.group_id}: {error}") from error
    if done.returncode:
        why = done.stderr.strip().rpartition("\n")[2] or f"status {done.returncode}"
        raise StoreUnavailable(f"rate index of group {identity.group_id} not built: {why}")
    took_ms = round((time.monotonic() - started) * 1000)
    log.info("rate index built", extra={"rate_group": identity.group_id, "ms": took_ms})


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One builder at a time for a group; the lock goes with the process that holds it."""
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _usable(directory: Path) -> bool:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.access(directory, os.R_OK | os.W_OK | os.X_OK):
            return True
        why = "no permission"
    except OSError as error:
        why = str(error)
    log.warning(
        "large rate groups are compiled in memory: the folder cannot be used",
        extra={"folder": str(directory), "why": why},
    )
    return False


def _require_own(handle: int) -> None:
    """A file of another user says nothing about prices, except to root."""
    owner, me = os.fstat(handle).st_uid, os.geteuid()
    if me not in (0, owner):
        raise DamagedIndex("it belongs to another user")


def _files(directory: Path) -> list[Path]:
    try:
        return [path for path in directory.iterdir() if not path.name.endswith(".lock")]
    except OSError:
        return []


def _is_old(path: Path, database: str, versions: Mapping[int, int]) -> bool:
    try:
        unused_s = time.time() - path.stat().st_atime
    except OSError:
        return False
    if path.name.endswith(UNFINISHED):
        return unused_s > _UNFINISHED_S
    name = _NAME.fullmatch(path.name)
    if name is None:
        return False
    if name["database"] != database:
        return unused_s > _UNUSED_S
    return int(name["version"]) <= versions.get(int(name["group"]), int(name["version"]))
