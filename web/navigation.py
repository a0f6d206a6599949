"""The main navigation. A new page adds its entry here; everybody sees what they may open."""

from dataclasses import dataclass

from flask import current_app, request, url_for

from controller.domain.errors import NotAllowed, StoreUnavailable
from controller.domain.rights import Right
from web.access import may_open
from web.context import actor, visitor
from web.i18n import LazyText, lazy_gettext


@dataclass(frozen=True, slots=True)
class Entry:
    """`right`: without it the page has nothing to show."""

    endpoint: str
    label: LazyText
    kind: str | None = None
    right: Right | None = None

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
    Entry("cards.index", lazy_gettext("Phone cards"), right=Right.PHONE_CARDS),
    Entry("rates.index", lazy_gettext("Rates")),
    Entry("explain.rate", lazy_gettext("Explain")),
    Entry("coverage.index", lazy_gettext("Coverage")),
    Entry("users.index", lazy_gettext("Users"), right=Right.ACCOUNTS),
    Entry("audit.index", lazy_gettext("Audit log")),
)


def navigation() -> list[Entry]:
    who = visitor()
    if who is None:
        return []
    mine = [entry for entry in ENTRIES if may_open(current_app, entry.endpoint, who)]
    return [entry for entry in mine if entry.right is None or _has(entry.right)]


def _has(right: Right) -> bool:
    """Pages for errors have a navigation too, those of a database that is away among them."""
    try:
        return actor().may(right)
    except (StoreUnavailable, NotAllowed):
        return False
