"""The main navigation. A new page adds its entry here; everybody sees what they may open."""

from dataclasses import dataclass

from flask import current_app, request

from web.access import may_open
from web.context import visitor


@dataclass(frozen=True, slots=True)
class Entry:
    endpoint: str
    label: str

    @property
    def is_current(self) -> bool:
        return request.blueprint == self.endpoint.partition(".")[0]


ENTRIES = (
    Entry("dashboard.index", "Dashboard"),
    Entry("live_calls.index", "Live calls"),
    Entry("cdrs.index", "Call records"),
    Entry("accounts.index", "Accounts"),
    Entry("rates.index", "Rates"),
    Entry("explain.rate", "Explain"),
    Entry("coverage.index", "Coverage"),
)


def navigation() -> list[Entry]:
    who = visitor()
    return [entry for entry in ENTRIES if who and may_open(current_app, entry.endpoint, who)]
