"""How call records look: columns of the export, JSON, and the page of one call."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, fields
from operator import attrgetter
from typing import Any

from controller.cli.output import json_value, show_table
from controller.persistence.cdr_store import CallPosting
from controller.services.views.cdr_lines import CallLine, PartyLine, margins
from controller.services.views.cdrs import CdrDetail, CdrRow

Cells = Sequence[object]
"""One row of an export."""

EXPORTED = tuple(
    field.name for field in fields(CdrRow) if field.name not in ("account_id", "cost_account_id")
)
"""Every column of a record but internal ids; accounts are named."""

exported: Callable[[CdrRow], Cells] = attrgetter(*EXPORTED)

_CALL_COLUMNS = tuple(field.name for field in fields(CallLine) if field.name != "line")
_OF_LINE = (
    "party",
    "side",
    "account",
    "rate_group",
    "prefix",
    "rated_s",
    "free_s",
    "billed_s",
    "raw",
    "net",
    "tax",
    "gross",
    "gift",
    "currency",
    "packages",
    "revision",
)
LINE_COLUMNS = (*_CALL_COLUMNS, *_OF_LINE)
"""`party` is 0 for the customer, 1 and up for the agents above it, -1 for the vendor."""

_call_cells = attrgetter(*_CALL_COLUMNS)
_of_line = attrgetter(*_OF_LINE)
_LINES_AT_ONCE = 200


def line_cells(row: CallLine) -> Cells:
    """The columns of `LINE_COLUMNS`; packages in one cell."""
    of_line = (
        ", ".join(value) if isinstance(value, tuple) else value for value in _of_line(row.line)
    )
    return (*_call_cells(row), *of_line)


def json_lines(columns: Sequence[str], rows: Iterable[Cells]) -> Iterator[str]:
    """One JSON object a line, amounts as exact text."""
    lines: list[str] = []
    for row in rows:
        record = dict(zip(columns, row, strict=True))
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
        "lines": [
            {**dict(zip(_OF_LINE, _of_line(line), strict=True)), "packages": list(line.packages)}
            for line in detail.lines
        ],
        "margins": [asdict(margin) for margin in margins(detail.lines)],
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
    show_table(
        ("party", "account", "rate group", "prefix", ">rated s", ">free s", ">billed s", *_MONEY),
        [_party_row(line) for line in detail.lines],
        "Parties",
    )
    show_table(
        ("", ">margin", ""),
        [(m.account or "the operator", m.amount, m.currency) for m in margins(detail.lines)],
        "Who earns what",
    )
    show_table(("step", "verdict", "detail"), detail.trace, "How it was decided")
    show_table(
        ("kind", "from", "to", ">amount", "", "at", "memo"),
        [(p.kind, p.debit, p.credit, p.amount, p.currency, p.at, p.memo) for p in posted],
        "Postings",
    )


_MONEY = (">exact", ">net", ">tax", ">gross", ">gift", "", "packages", ">revision")


def _party_row(line: PartyLine) -> tuple[object, ...]:
    return (
        line.side,
        line.account,
        line.rate_group,
        line.prefix,
        line.rated_s,
        line.free_s,
        line.billed_s,
        line.raw,
        line.net,
        line.tax,
        line.gross,
        line.gift,
        line.currency,
        ", ".join(line.packages),
        line.revision,
    )
