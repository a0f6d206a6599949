"""The first page: what goes on now, and what today has brought, for whoever looks."""

from decimal import Decimal

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from controller.services.sign_in import Role
from controller.services.views.dashboard import Dashboard, Takings
from web.access import SIGNED_IN, SIGNED_IN_POLLING, allow
from web.charts import PairChart, change_percent, hour_chart, minute_chart
from web.context import actor, services
from web.i18n import time_zone

pages = Blueprint("dashboard", __name__)


@pages.get("/")
@allow(SIGNED_IN)
def index() -> ResponseReturnValue:
    return _render("dashboard.html")


@pages.get("/dashboard/figures")
@allow(SIGNED_IN_POLLING)
def figures() -> ResponseReturnValue:
    """The part of the page that changes."""
    return _render("dashboard_figures.html")


def _render(template: str) -> str:
    who = actor()
    shown = services().dashboard.figures(who.scope, time_zone())
    spends = who.role is Role.CUSTOMER
    return render_template(
        template,
        figures=shown,
        role=who.role,
        chart=minute_chart(shown.minutes),
        calls_chart=hour_chart(shown.hours, lambda span: Decimal(span.traffic.offered)),
        money_charts={c: _money_chart(shown, c, spends=spends) for c in shown.currencies},
        change=change_percent,
    )


def _money_chart(shown: Dashboard, currency: str, *, spends: bool) -> PairChart:
    """What comes in, by hour; what goes out, for those who only pay."""

    def amount(takings: Takings) -> Decimal:
        return takings.spent if spends else takings.earned

    return hour_chart(shown.hours, lambda span: amount(span.money(currency)))
