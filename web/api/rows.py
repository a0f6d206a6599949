"""Many objects in one request: a fault's row becomes its place in the body."""

from collections.abc import Iterator
from contextlib import contextmanager

from controller.domain.errors import InvalidFields
from web.api.problems import FieldError, Problem, Problems


@contextmanager
def faults_by_row(name: str) -> Iterator[None]:
    """Of a body's list `name`: the services call the first row 1 (`records.rows`)."""
    try:
        yield
    except InvalidFields as error:
        found = [_placed(name, place, why) for place, why in error.errors.items()]
        raise Problem(Problems.INVALID_FIELDS, errors=found) from None


def _placed(name: str, place: str, why: str) -> FieldError:
    row, _, field = place.partition(".")
    if not row.isdecimal():
        return FieldError(field=place, message=why, pointer=f"/{place}" if place else None)
    index = int(row) - 1
    parts = [name, str(index), *([field] if field else [])]
    return FieldError(field=".".join(parts), message=why, pointer="/" + "/".join(parts))
