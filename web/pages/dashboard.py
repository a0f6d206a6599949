"""The first page: what goes on now, and what today has brought."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from web.access import ADMINISTRATORS, ADMINISTRATORS_POLLING, allow
from web.charts import minute_chart
from web.context import services

pages = Blueprint("dashboard", __name__)


@pages.get("/")
@allow(ADMINISTRATORS)
def index() -> ResponseReturnValue:
    return _render("dashboard.html")


@pages.get("/dashboard/figures")
@allow(ADMINISTRATORS_POLLING)
def figures() -> ResponseReturnValue:
    """The part of the page that changes."""
    return _render("dashboard_figures.html")


def _render(template: str) -> str:
    shown = services().dashboard.figures()
    return render_template(template, figures=shown, chart=minute_chart(shown.minutes))
