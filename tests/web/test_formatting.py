"""How values read: every digit of money, UTC, durations, and colors that can be told apart."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from controller.services.sign_in import address_subject
from controller.services.views.cdrs import AttemptRow
from controller.services.views.paging import Position
from web import formatting
from web.charts import _round_up, attempt_segments
from web.fields import page_request, position_text
from web.safe_redirect import own_path


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "0.00"),
        ("1234567.1", "1,234,567.10"),
        ("-0.5", "−0.50"),
        ("0.0000000001", "0.0000000001"),
        ("0.0123", "0.0123"),
        ("0.01234", "0.012340"),
        ("1E+3", "1,000.00"),
        ("99999999999999.9999999999", "99,999,999,999,999.9999999999"),
    ],
)
def test_money_shows_every_digit(amount: str, text: str) -> None:
    assert formatting.money(Decimal(amount)) == text


def test_money_with_currency_and_sign() -> None:
    assert formatting.money(Decimal("1.5"), "USD", signed=True) == "+1.50\u00a0USD"
    assert formatting.money(None) == "–"
    assert formatting.rounded(Decimal("2.675"), "USD") == (
        '<span title="2.6750\u00a0USD">2.68\u00a0USD</span>'
    )


@pytest.mark.parametrize(
    ("span", "text"),
    [(0, "0:00"), (63, "1:03"), (7509, "2:05:09"), (timedelta(seconds=-3), "0:00")],
)
def test_durations(span: int | timedelta, text: str) -> None:
    assert formatting.duration(span) == text


def test_strangers_text_can_all_be_seen() -> None:
    shown = str(formatting.visible("a\u202eb\x00c\u200bd<e>\u2028"))
    assert shown == "<bdi>a\\u202eb\\x00c\\u200bd&lt;e&gt;\\u2028</bdi>"
    long = str(formatting.visible("x" * 500, 10))
    assert "xxxxxxxxx…</bdi>" in long


def test_a_position_survives_its_address() -> None:
    position = Position(
        datetime(2026, 11, 20, 23, 59, 59, 999999, UTC), "0b2b6a2e-3f4e-4a9e-8f53-0123456789ab"
    )
    assert page_request({"before": position_text(position)}, 5).position == position


@pytest.mark.parametrize(("number", "top"), [(0, 1), (1, 1), (3, 5), (6, 10), (101, 200)])
def test_the_scale_ends_at_a_round_number(number: int, top: int) -> None:
    assert _round_up(number) == top


def test_the_timeline_stays_on_its_scale() -> None:
    began = datetime(2026, 11, 20, tzinfo=UTC)

    def attempt(start: float, ring: float | None, answer: float | None, end: float) -> AttemptRow:
        def at(seconds: float | None) -> datetime | None:
            return None if seconds is None else began + timedelta(seconds=seconds)

        started, ended = began + timedelta(seconds=start), began + timedelta(seconds=end)
        return AttemptRow(
            "l", 1, "g", "", "", started, at(ring), at(answer), ended, "", 0, 0, False
        )

    attempts = (attempt(0.0, None, None, 0.2), attempt(0.2, 2, 8, 3600), attempt(-5, 9, 1, 0))
    for _, segments in attempt_segments(attempts, began):
        assert segments
        for segment in segments:
            assert segment.start >= 0
            assert 0 < segment.start + segment.width <= 100.001


@pytest.mark.parametrize(
    ("address", "subject"),
    [
        ("192.0.2.7", "address:192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "address:2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "address:192.0.2.7"),
        ("nonsense", "address:unknown"),
    ],
)
def test_addresses_are_counted_by_who_has_them(address: str, subject: str) -> None:
    assert address_subject(address) == subject


@pytest.mark.parametrize("target", ["", "/" * 2, "/\x7f", "/\u2028x", "/" + "x" * 3000])
def test_targets_that_are_not_ours(target: str) -> None:
    assert own_path(target) == ""


# -- WCAG AA, from the style sheet itself -------------------------------------------------

TEXT_PAIRS = [
    (text, ground)
    for text in ("text", "muted", "link", "negative")
    for ground in ("ground", "surface", "raised")
] + [
    ("good", "good-ground"),
    ("fair", "fair-ground"),
    ("bad", "bad-ground"),
    ("refused", "refused-ground"),
    ("on-accent", "accent"),
    ("bad", "surface"),
    ("fair", "surface"),
    ("text", "refused-ground"),
]
EDGE_PAIRS = [
    ("strong-line", "surface"),
    ("accent", "surface"),
    ("bar-front", "surface"),
    ("bar-ringing", "surface"),
]


def _themes() -> dict[str, dict[str, str]]:
    css = (Path(formatting.__file__).parent / "static" / "tollgate.css").read_text()
    blocks = re.findall(r":root[^{]*\{([^}]*--ground[^}]*)\}", css)
    light, dark_by_system, dark_by_choice = (
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block)) for block in blocks
    )
    assert dark_by_system == dark_by_choice
    return {"light": light, "dark": dark_by_system}


def _luminance(color: str) -> float:
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    bright, dim = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_contrast(theme: str) -> None:
    colors = _themes()[theme]
    weak = [
        (a, b, round(_contrast(colors[a], colors[b]), 2))
        for pairs, least in ((TEXT_PAIRS, 4.5), (EDGE_PAIRS, 3.0))
        for a, b in pairs
        if _contrast(colors[a], colors[b]) < least
    ]
    assert weak == []
