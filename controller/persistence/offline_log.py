"""Admissions without the database, on disk until the database has them. Implements `OfflineLog`.

One file of a process, in a folder for all processes of a machine: a line for each call, its check
sum first. The file is locked for as long as its process lives, so whoever can lock a file knows
that its process is dead, and tells the database in its place.
"""

import fcntl
import logging
import os
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import orjson

from controller.domain.ticket import ticket_from_json, ticket_to_json
from controller.services.diagnosis.offline import OfflineFacts
from controller.services.journal_entries import AdmitLate

log = logging.getLogger(__name__)

FOLDER = "offline"
"""In the data folder."""

SUFFIX = ".offline"


@dataclass(frozen=True, slots=True)
class LeftFile:
    """What a dead process left."""

    path: Path
    admissions: Sequence[AdmitLate]

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


class FileOfflineLog:
    """`token` is the process's own, never used before."""

    def __init__(self, folder: Path, token: str) -> None:
        self._folder = folder
        self._path = folder / f"{token}{SUFFIX}"
        self._file: int | None = None
        self._kept: dict[str, AdmitLate] = {}
        self._lock = threading.Lock()

    def append(self, admissions: Sequence[AdmitLate]) -> None:
        """Raises OSError. What a failed write left behind is cut off, or never read: it is torn."""
        with self._lock:
            file = self._open()
            before = os.fstat(file).st_size
            try:
                _write(file, b"".join(map(_line, admissions)))
                os.fsync(file)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(file, before)
                raise
            self._kept.update((admission.call_id, admission) for admission in admissions)

    def forget(self, call_ids: Sequence[str]) -> None:
        """The file goes when nothing in it is needed any more."""
        with self._lock:
            for call_id in call_ids:
                self._kept.pop(call_id, None)
            if self._file is not None and not self._kept:
                self._path.unlink(missing_ok=True)
                os.close(self._file)
                self._file = None

    def kept(self) -> list[AdmitLate]:
        """What is in the file and not forgotten."""
        with self._lock:
            return list(self._kept.values())

    def left_behind(self) -> Iterator[LeftFile]:
        """What processes that are dead now have not told. Each file is locked until the next one
        is asked for."""
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            if path == self._path:
                continue
            with _taken(path) as file:
                if file is not None:
                    yield LeftFile(path, _read(path, file))

    def _open(self) -> int:
        """Locked before it has its name: nobody may take it for a dead process's."""
        if self._file is None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            new = self._path.with_suffix(".new")
            file = os.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                new.rename(self._path)
                _sync_folder(self._folder)
            except OSError:
                os.close(file)
                raise
            self._file = file
        return self._file


def inspect_offline(folder: Path) -> OfflineFacts:
    """What is in the folder; nothing where there is none."""
    written = []
    for path in folder.glob(f"*{SUFFIX}"):
        with suppress(FileNotFoundError):  # told meanwhile
            written.append(path.stat().st_mtime)
    oldest_s = max(0.0, time.time() - min(written)) if written else 0.0
    damaged = sum(1 for _ in folder.glob("*.damaged"))
    return OfflineFacts(folder, len(written), oldest_s, damaged)


@contextmanager
def _taken(path: Path) -> Iterator[int | None]:
    """The file, locked; None where its process lives, or another one was quicker."""
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError as error:
        if not isinstance(error, FileNotFoundError):
            log.error("offline journal not read", extra={"file": path.name, "why": str(error)})
        yield None
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        yield None
        return
    try:
        yield file if path.exists() else None
    finally:
        os.close(file)


def _read(path: Path, file: int) -> list[AdmitLate]:
    """A line that is torn was never acted on; one that is damaged is kept for a person."""
    with os.fdopen(os.dup(file), "rb") as stream:
        lines = stream.read().split(b"\n")
    found, damaged = [], 0
    for line in lines[:-1]:
        try:
            found.append(_admission(line))
        except (ValueError, KeyError, TypeError, ArithmeticError):
            damaged += 1
    if damaged:
        kept = path.with_suffix(".damaged")
        with suppress(FileExistsError):
            os.link(path, kept)
        log.error("offline journal is damaged", extra={"file": kept.name, "lines": damaged})
    return found


def _line(admission: AdmitLate) -> bytes:
    text = orjson.dumps(
        {
            "ticket": ticket_to_json(admission.ticket),
            "granted_s": admission.granted_s,
            "gateway_ids": admission.gateway_ids,
        }
    )
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _admission(line: bytes) -> AdmitLate:
    """Raises ValueError and the like for what `_line` did not write."""
    check, _, text = line.partition(b" ")
    if int(check, 16) != zlib.crc32(text):
        raise ValueError("the check sum is another")
    data = orjson.loads(text)
    return AdmitLate(
        ticket_from_json(data["ticket"]), data["granted_s"], tuple(data["gateway_ids"])
    )


def _write(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]


def _sync_folder(folder: Path) -> None:
    """The name is durable, too."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
