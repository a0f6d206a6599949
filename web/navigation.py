"""The main navigation. A new page adds its entry here; everybody sees what they may open."""

from dataclasses import dataclass

from flask import current_app, request, url_for

from web.access import may_open
from web.context import visitor
from web.i18n import LazyText, lazy_gettext


@dataclass(frozen=True, slots=True)
class Entry:
    endpoint: str
    label: LazyText
    kind: str | None = None

    @property
    def address(self) -> str:
        return url_for(self.endpoint, kind=self.kind)

    @property
    def is_current(self) -> bool:
        return request.blueprint == self.endpoint.partition(".")[0]


ENTRIES = (
    Entry("dashboard.index", lazy_gettext("Dashboard")),
    Entry("live_calls.index", lazy_gettext("Live calls")),
    Entry("cdrs.index", lazy_gettext("Call records")),
    Entry("accounts.index", lazy_gettext("Accounts")),
    Entry("phones.index", lazy_gettext("Phones")),
    Entry("gateways.index", lazy_gettext("Gateways"), "mapping"),
    Entry("payments.index", lazy_gettext("Payments")),
    Entry("rates.index", lazy_gettext("Rates")),
    Entry("explain.rate", lazy_gettext("Explain")),
    Entry("coverage.index", lazy_gettext("Coverage")),
)


def navigation() -> list[Entry]:
    who = visitor()
    return [entry for entry in ENTRIES if who and may_open(current_app, entry.endpoint, who)]
