"""schemathesis walks the API from its own description: whatever is sent, no fault of ours, and
every answer is one of those that are described.

Half of the requests are as the description wants them, half are not; half of the paths name
objects that are there. Drawn from a fixed seed, against one database that they change as they go.
"""

import random
import time
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.web.api.callers import TestTokens

pytestmark = pytest.mark.slow

EXAMPLES = 12
LONGEST_S = 240
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
THERE: dict[str, list[str]] = {
    "account": ["bd", "dhaka", "shop", "solo"],
    "number": ["88010001"],
    "gateway": ["atlas-trunk"],
}


@pytest.fixture
def token(tokens: TestTokens) -> str:
    return tokens.issue("ada", requests_per_minute=10**9)


@pytest.mark.usefixtures("tenants")
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_walk(make_api: Any, token: str, mode: GenerationMode) -> None:
    app = make_api(api_without_https=True)  # such requests come from nowhere
    app.testing = False  # a fault is answered, as it would be
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
    began, sent, statuses = time.monotonic(), 0, set()
    checks = [*CHECKS, *([negative_data_rejection] if mode is GenerationMode.NEGATIVE else [])]
    there = THERE if mode is GenerationMode.POSITIVE else {}  # what is wrong stays wrong
    chance = random.Random(7)

    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if mode is GenerationMode.NEGATIVE and not (
            operation.body or any(operation.iter_parameters())
        ):
            continue  # there is nothing that could be wrong

        @seed(20261121)
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(mode))
        def walk(case: Case[Any]) -> None:
            nonlocal sent
            for name in case.path_parameters:
                if name in there and chance.random() < 0.5:
                    case.path_parameters[name] = chance.choice(THERE[name])
            response = case.call(headers={"Authorization": f"Bearer {token}"})
            case.validate_response(response, checks=checks)
            sent += 1
            statuses.add(response.status_code)

        walk()
    took = time.monotonic() - began
    assert took < LONGEST_S, f"{sent} requests took {took:.0f} s"
    assert sent >= 300
    assert {200, 404, 422} <= statuses
