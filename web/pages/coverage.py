"""What can be routed and not sold, sold and not routed, or sold below cost."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from controller.domain.coverage_walk import GapKind
from controller.services.coverage import CoverageReport, FoundGap
from web.access import ADMINISTRATORS, allow
from web.context import actor, config, services
from web.fields import MAX_NAME, Fields

pages = Blueprint("coverage", __name__)

RENEW_S = 2
MAX_PLACE = 1_000_000


@pages.get("/coverage")
@allow(ADMINISTRATORS)
def index() -> ResponseReturnValue:
    fields = Fields(request.args)
    kind = fields.choice("kind", set(GapKind))
    owner, prefix = fields.text("owner", MAX_NAME), fields.rate_prefix("prefix")
    area, after = fields.text("area"), fields.whole("after", MAX_PLACE) or 0
    state = services().coverage.state(actor().scope)
    matching = _matching(state.report, kind, owner, prefix, area) if state.report else []
    size = config().page_size
    html = render_template(
        "coverage.html",
        state=state,
        report=state.report,
        kinds=list(GapKind),
        gaps=matching[after : after + size],
        matching=len(matching),
        given={"kind": kind, "owner": owner, "prefix": prefix, "area": area},
        errors=fields.errors,
        after=after,
        next_after=after + size if after + size < len(matching) else None,
    )
    headers = {"Refresh": str(RENEW_S)} if state.is_running else {}
    return html, 400 if fields.errors else 200, headers


@pages.post("/coverage/again")
@allow(ADMINISTRATORS)
def again() -> ResponseReturnValue:
    """Look at everything anew."""
    services().coverage.state(actor().scope, again=True)
    return redirect(url_for("coverage.index"))


def _matching(
    report: CoverageReport, kind: str, owner: str, prefix: str, area: str
) -> list[FoundGap]:
    """Of the gaps that are listed."""
    return [
        gap
        for each, gaps in report.gaps.items()
        if not kind or each == kind
        for gap in gaps.listed
        if (not owner or owner in (gap.owner, gap.whom))
        and gap.prefix.startswith(prefix)
        and area.casefold() in gap.area.casefold()
    ]
