"""Lists as CSV files, page after page: no connection is held while a browser reads slowly."""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from flask import Response, abort

from web.context import config, services
from web.csv_text import csv_pieces

PAGE = 500
"""Rows that are read at a time."""
SEATS = 3
"""Downloads at once; each takes a thread."""
_seats = threading.BoundedSemaphore(SEATS)


class Page(Protocol):
    @property
    def rows(self) -> Sequence[Any]: ...
    @property
    def next_after(self) -> str | None: ...


def csv_download(what: str, columns: Sequence[str], fetch: Callable[[str], Page]) -> Response:
    """`fetch` gives the page after a place; it must not need the request, which is over by then."""
    if not _seats.acquire(blocking=False):
        abort(429)
    leave = _once(_seats.release)
    try:
        first = fetch("")  # what is wrong with the question is a page, not half a file
    except BaseException:
        leave()
        raise
    rows = _rows(columns, first, fetch, config().export_rows)
    response = Response(_until_done(csv_pieces(columns, rows), leave), mimetype="text/csv")
    response.call_on_close(leave)  # where the browser went away before the first piece
    name = f"{what}-{services().clock.now():%Y%m%dT%H%M%SZ}.csv"
    response.headers["Content-Disposition"] = f"attachment; filename={name}"
    return response


def _rows(
    columns: Sequence[str], page: Page, fetch: Callable[[str], Page], most: int
) -> Iterator[list[Any]]:
    left = most
    while True:
        for row in page.rows[:left]:
            yield [getattr(row, name) for name in columns]
        left -= len(page.rows)
        if page.next_after is None or left <= 0:
            return
        page = fetch(page.next_after)


def _until_done(pieces: Iterator[str], leave: Callable[[], None]) -> Iterator[str]:
    try:
        yield from pieces
    finally:
        leave()


def _once(do: Callable[[], None]) -> Callable[[], None]:
    """However often it is called: once."""
    lock = threading.Lock()

    def call() -> None:
        if lock.acquire(blocking=False):
            do()

    return call
