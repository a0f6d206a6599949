"""How call records look: columns of the export, JSON, and the page of one call."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from operator import attrgetter
from typing import Any

from controller.cli.output import json_value, show_table
from controller.persistence.cdr_store import CallPosting
from controller.services.views.cdrs import CdrDetail, CdrRow

EXPORTED = tuple(
    field.name for field in fields(CdrRow) if field.name not in ("account_id", "cost_account_id")
)
"""Every column of a record but internal ids; accounts are named."""

exported = attrgetter(*EXPORTED)

_LINES_AT_ONCE = 200


def json_lines(rows: Iterable[CdrRow]) -> Iterator[str]:
    """One JSON object a line, amounts as exact text."""
    lines: list[str] = []
    for row in rows:
        record = dict(zip(EXPORTED, exported(row), strict=True))
        lines.append(json.dumps(record, default=json_value))
        if len(lines) == _LINES_AT_ONCE:
            yield "\n".join([*lines, ""])
            lines.clear()
    yield "\n".join([*lines, ""]) if lines else ""


def record_as_json(detail: CdrDetail, posted: list[CallPosting]) -> dict[str, Any]:
    record = detail.record
    return {
        **dict(zip(EXPORTED, exported(record), strict=True)),
        "gross": record.gross,
        "margin": record.margin,
        "attempt_records": [asdict(attempt) for attempt in detail.attempts],
        "trace": [
            {"step": step, "verdict": verdict, "detail": text}
            for step, verdict, text in detail.trace
        ],
        "postings": [asdict(posting) for posting in posted],
    }


def show_record(detail: CdrDetail, posted: list[CallPosting]) -> None:
    values = zip(EXPORTED, exported(detail.record), strict=True)
    show_table(("", ""), [(name, value) for name, value in values if value not in (None, "")])
    show_table(
        (">#", "gateway", "caller", "callee", "started", "answered", "cause", ">SIP", ">Q.850"),
        [
            (
                a.number,
                a.gateway,
                a.caller_sent or "-",
                a.callee_sent,
                a.started_at,
                a.answered_at or "-",
                a.cause,
                a.sip_status,
                a.q850,
            )
            for a in detail.attempts
        ],
        "Attempts",
    )
    show_table(("step", "verdict", "detail"), detail.trace, "How it was decided")
    show_table(
        ("kind", "from", "to", ">amount", "", "at"),
        [(p.kind, p.debit, p.credit, p.amount, p.currency, p.at) for p in posted],
        "Postings",
    )
