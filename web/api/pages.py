"""For people: the reference (Swagger UI on our own OpenAPI document), and the list of problems.

Swagger UI's files come from the package flask-swagger-ui; the page around them and its few lines
of script are ours, for the package's own page has script in it, which our policy forbids.
"""

from importlib.resources import files
from pathlib import Path

from flask import Blueprint, abort, render_template, send_from_directory
from flask.typing import ResponseReturnValue

from web.access import OPEN, allow
from web.api.problems import PAGE, Problems

pages = Blueprint("api_pages", __name__)

_DIST = Path(str(files("flask_swagger_ui"))) / "dist"
_SERVED = frozenset({"swagger-ui.css", "swagger-ui-bundle.js"})


@pages.get("/api/docs")
@allow(OPEN)
def reference() -> ResponseReturnValue:
    return render_template("api_docs.html")


@pages.get("/api/docs/<name>")
@allow(OPEN)
def swagger_file(name: str) -> ResponseReturnValue:
    if name not in _SERVED:
        abort(404)
    return send_from_directory(_DIST, name)


@pages.get(PAGE)
@allow(OPEN)
def problems() -> ResponseReturnValue:
    return render_template("api_problems.html", kinds=[kind.value for kind in Problems])
