"""The parts of the API by themselves: reading JSON, counting requests, limits of tokens."""

import json
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from web.api import strict_json
from web.api.rate_limits import RateLimits

plain_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18) + 1, 10**18 - 1)
    | st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(codec="utf-8", exclude_characters="\0")), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(plain_json, st.booleans())
def test_what_is_plain_reads_as_it_is(value: object, ascii_only: bool) -> None:
    assert strict_json.read(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.binary(max_size=200))
@settings(max_examples=300)
def test_whatever_comes_is_read_or_refused(body: bytes) -> None:
    try:
        value = strict_json.read(body)
    except strict_json.NotJson:
        return
    assert json.loads(body) == value


@pytest.mark.parametrize("depth", [strict_json.MAX_DEPTH, strict_json.MAX_DEPTH + 1])
def test_depth(depth: int) -> None:
    body = b"[" * depth + b"]" * depth
    if depth <= strict_json.MAX_DEPTH:
        strict_json.read(body)
    else:
        with pytest.raises(strict_json.NotJson, match="deeper"):
            strict_json.read(body)
    assert strict_json.read(b'"' + b"[" * 100 + b'"') == "[" * 100, "not in texts"


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_memory_is_bounded_and_the_quiet_are_forgotten_first() -> None:
    limits = RateLimits(Seconds(), most=3)
    for key in "abc":
        limits.take(key, 5)
    limits.take("a", 5)
    limits.take("d", 5)  # b was quiet longest
    assert limits.look("a", 5).remaining == 2
    assert limits.look("b", 5).remaining == 4
    assert len(limits._windows) == 3


def test_a_minute_begins_with_the_first_request() -> None:
    clock = Seconds()
    limits = RateLimits(clock)
    assert [limits.take("a", 2).remaining for _ in range(4)] == [1, 0, -1, -1]
    clock.now = 59.9
    assert limits.take("a", 2).reset_s == 1
    clock.now = 60
    assert limits.take("a", 2).remaining == 1


def test_threads_lose_no_count() -> None:
    limits = RateLimits(Seconds())
    threads = [
        threading.Thread(target=lambda: [limits.take("a", 10**6) for _ in range(500)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert limits.look("a", 10**6).remaining == 10**6 - 4001
