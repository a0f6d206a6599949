"""Judgments about the books: what the last verification found, and how long ago that was."""

from controller.services.doctor import Finding, Status
from controller.services.verifying import KeptVerification

NAME = "ledger"
OLD_S = 36 * 3600.0
"""The scheduler verifies every night: later than this, it did not."""


def judge_verification(last: KeptVerification | None, *, overdue: bool = False) -> Finding:
    """`overdue`: there are postings of more than `OLD_S` ago (asked where none was ever made)."""
    if last is None and not overdue:
        return Finding(NAME, Status.OK, "new: nothing to verify yet")
    if last is None:
        remedy = "run 'tollgate ledger verify' (the scheduler does it every night)"
        return Finding(NAME, Status.WARN, "was never verified", remedy)
    told = f"verified {_ago(last.age_s)} ago"
    if not last.ok:
        first = last.differences[0]
        detail = (
            f"{told}: {last.difference_count} differences, first {first.subject}, {first.what}:"
            f" {first.stored}, must be {first.expected}"
        )
        return Finding(NAME, Status.FAIL, detail, "run 'tollgate ledger verify' for all of them")
    if last.age_s > OLD_S:
        remedy = "start the scheduler, or run 'tollgate ledger verify' every night"
        return Finding(NAME, Status.WARN, f"{told}, no differences", remedy)
    counts = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in last.counted.items())
    return Finding(NAME, Status.OK, f"{told}: {counts}, no differences")


def _ago(age_s: float) -> str:
    minutes = max(0, round(age_s / 60))
    if minutes < 120:
        return f"{minutes} min"
    hours = round(minutes / 60)
    return f"{hours} h" if hours < 48 else f"{round(hours / 24)} days"
