"""What is meant by calls that were admitted without the database and are still on disk."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from controller.services.doctor import Finding, Status

PATIENCE_S = 60.0
"""With the database there, a controller tells of them every five seconds."""


@dataclass(frozen=True, slots=True)
class OfflineFacts:
    """Files of such calls; the oldest was last written so long ago."""

    folder: Path
    waiting: int
    oldest_s: float
    damaged: int


def judge_offline(facts: OfflineFacts) -> Iterable[Finding]:
    name = "offline journal"
    if facts.oldest_s > PATIENCE_S:
        detail = f"{facts.waiting} files in {facts.folder}, the oldest for {facts.oldest_s:.0f} s"
        remedy = "is a controller running there? 'late admission refused' in its log says why not"
        yield Finding(name, Status.WARN, detail, remedy)
    else:
        yield Finding(name, Status.OK, f"{facts.waiting} files wait")
    if facts.damaged:
        detail = f"{facts.damaged} files in {facts.folder} are damaged (.damaged)"
        remedy = (
            "calls in them may wait in the CDR spool: 'tollgate cdr ingest --without-admission'"
        )
        yield Finding("damaged offline journal", Status.WARN, detail, remedy)
