"""The switch's CDR files: the safety net below the events (design §4).

mod_json_cdr writes one file for each caller's leg before the event of its end is sent. A
settled call's file is removed; what stays is a call whose end we did not hear.
"""

import contextlib
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from controller.domain.errors import ProtocolError
from controller.domain.events import CallEnded
from controller.drivers.freeswitch.codec import decode_json_event
from controller.drivers.freeswitch.translate import call_ended, uuid_text

log = logging.getLogger(__name__)

SUFFIX = ".cdr.json"
MAX_FILE_BYTES = 4_194_304
MAX_FILES_AT_ONCE = 2_000


class CdrSpool:
    """One switch's folder. All methods are safe to call when the folder is not there."""

    def __init__(self, folder: Path, switch_id: str) -> None:
        self._folder = folder
        self._switch_id = switch_id

    def discard(self, call_id: str) -> None:
        try:
            (self._folder / f"{call_id}{SUFFIX}").unlink(missing_ok=True)
        except OSError as error:
            log.warning("CDR file stays", extra={"call_id": call_id, "why": str(error)})

    def ended_calls(self, min_age_s: float) -> Iterator[CallEnded]:
        """Calls whose file has waited at least `min_age_s`, the oldest first.

        A file that cannot be read as a record is set aside as `.bad`, never deleted.
        """
        oldest_first = sorted(self._waiting(time.time() - min_age_s))
        for _, path in oldest_first[:MAX_FILES_AT_ONCE]:
            try:
                yield read_cdr_file(path, self._switch_id)
            except ProtocolError as error:
                log.error("unreadable CDR file", extra={"file": path.name, "why": str(error)})
                self._set_aside(path)
            except OSError as error:
                log.error("CDR file not read", extra={"file": path.name, "why": str(error)})

    def _set_aside(self, path: Path) -> None:
        try:
            path.rename(path.with_suffix(".bad"))
        except OSError as error:
            log.error("CDR file not set aside", extra={"file": path.name, "why": str(error)})

    def _waiting(self, before: float) -> Iterator[tuple[float, Path]]:
        try:
            for path in self._folder.glob(f"*{SUFFIX}"):
                with contextlib.suppress(FileNotFoundError):  # settled meanwhile
                    written = path.stat().st_mtime
                    if written <= before:
                        yield written, path
        except OSError as error:
            log.error("CDR spool not read", extra={"why": str(error)})


def read_cdr_file(path: Path, switch_id: str) -> CallEnded:
    """One CDR file as the end of a call. Raises ProtocolError, OSError."""
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ProtocolError(f"more than {MAX_FILE_BYTES} bytes")
    values: Any = decode_json_event(path.read_bytes()).get("variables")
    if not isinstance(values, dict):
        raise ProtocolError("not a CDR: no variables")
    ended = call_ended(values.get, switch_id)
    if uuid_text(path.name.removesuffix(SUFFIX)) != ended.call_id:
        raise ProtocolError("the file is named for another call")
    return ended
