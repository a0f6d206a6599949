"""The blueprint that all operations are on."""

from flask import Blueprint

from web.api import guard
from web.api.operations import PREFIX

blueprint = Blueprint("api", __name__, url_prefix=PREFIX)
blueprint.after_request(guard.add_headers)
