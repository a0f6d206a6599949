"""Whatever a page shows or does, the API shows or does (the table is in `parity.py`)."""

from flask import Flask

from tests.web.api.parity import ONLY_PAGES, OPERATIONS_OF
from tests.web.test_matrix import routes
from web.api.resources import OPERATIONS

BY_ID = {operation.id: operation for operation in OPERATIONS}


def test_every_page_has_its_operation(app: Flask) -> None:
    pages = {endpoint for endpoint, _ in routes(app)}
    listed = OPERATIONS_OF.keys() | ONLY_PAGES.keys()
    assert pages - listed == set(), "add them to tests/web/api/parity.py, with their operations"
    assert listed - pages == set(), "pages that are gone"
    assert OPERATIONS_OF.keys().isdisjoint(ONLY_PAGES)


def test_the_operations_are_there_and_do_as_much(app: Flask) -> None:
    """A page that changes something has an operation that changes, else one that reads."""
    for endpoint, names in OPERATIONS_OF.items():
        assert names, endpoint
        assert set(names) <= BY_ID.keys(), endpoint
        methods = {BY_ID[name].method for name in names}
        if (endpoint, "POST") in routes(app):
            assert methods - {"GET"}, f"{endpoint} changes something"
    assert all(len(reason) > 10 for reason in ONLY_PAGES.values())
