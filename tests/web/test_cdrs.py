"""Call records: filters, paging by key, one record's page, and CSV."""

import csv
import io
import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from controller.persistence.schema import cdrs
from controller.persistence.views.cdrs import PostgresCdrs
from controller.services.actors import EVERYTHING
from controller.services.views.cdr_lines import margins, standing, superseded
from controller.services.views.cdrs import CdrFilter, CdrRow
from controller.services.views.paging import Direction, PageRequest
from tests.web.conftest import OwnedClock
from web.csv_text import cell
from web.formatting import money

pytestmark = pytest.mark.usefixtures("operator")

HOSTILE = '<script>alert("x")</script>\u202e${7*7}{{7*7}}\x1b[2J'


def all_pages(view: PostgresCdrs, wanted: CdrFilter, limit: int = 50) -> Iterator[CdrRow]:
    request = PageRequest(limit)
    while True:
        page = view.page(EVERYTHING, wanted, request)
        assert len(page.rows) <= limit
        yield from (seen.record for seen in page.rows)
        if page.older is None:
            return
        request = PageRequest(limit, page.older)


def newest_first(engine: sa.Engine, *conditions: Any) -> list[str]:
    statement = (
        sa.select(cdrs.c.call_id)
        .where(*conditions)
        .order_by(cdrs.c.started_at.desc(), cdrs.c.call_id.desc())
    )
    with engine.connect() as connection:
        return list(connection.scalars(statement))


def add_record(engine: sa.Engine, clock: OwnedClock, **values: Any) -> str:
    call_id = str(uuid.uuid4())
    base = {
        "call_id": call_id,
        "started_at": clock.now() - timedelta(minutes=1),
        "switch_id": "switch-1",
        "ended_at": clock.now(),
        "talk_ms": 0,
        "duration_s": 0,
        "billed_s": 0,
        "source_port": 5060,
        "attempts": 0,
        "net": 0,
        "tax": 0,
        "cost": 0,
        "reason": "unknown_source",
        "q850": 21,
        "sip_status": 403,
        "ended_by": "server",
        "trace": [],
    }
    with engine.begin() as connection:
        connection.execute(cdrs.insert().values(**base | values))
    return call_id


# -- paging -------------------------------------------------------------------------------


def test_paging_gives_every_record_once_newest_first(engine: sa.Engine) -> None:
    found = [row.call_id for row in all_pages(PostgresCdrs(engine), CdrFilter(), 37)]
    assert found == newest_first(engine)
    assert len(found) == 400


def test_records_of_the_same_moment_are_neither_lost_nor_doubled(
    engine: sa.Engine, clock: OwnedClock
) -> None:
    at = clock.now() - timedelta(hours=1)
    same = {add_record(engine, clock, started_at=at) for _ in range(25)}
    found = [row.call_id for row in all_pages(PostgresCdrs(engine), CdrFilter(), 10)]
    assert len(found) == len(set(found)) == 425
    assert same <= set(found)


def test_newer_leads_back_the_same_way(engine: sa.Engine) -> None:
    view = PostgresCdrs(engine)
    first = view.page(EVERYTHING, CdrFilter(), PageRequest(50))
    assert first.newer is None
    assert first.older is not None
    second = view.page(EVERYTHING, CdrFilter(), PageRequest(50, first.older))
    assert second.older is not None
    third = view.page(EVERYTHING, CdrFilter(), PageRequest(50, second.older))
    assert third.newer is not None
    back = view.page(EVERYTHING, CdrFilter(), PageRequest(50, third.newer, Direction.NEWER))
    assert back.rows == second.rows
    assert back.newer is not None
    top = view.page(EVERYTHING, CdrFilter(), PageRequest(50, back.newer, Direction.NEWER))
    assert top.rows == first.rows
    assert top.newer is None


def test_a_search_that_runs_out_of_time_goes_on_where_it_stopped(
    engine: sa.Engine, clock: OwnedClock
) -> None:
    """With no time at all it looks at a thousand records a page, and still finds everything."""
    from tests.web import sample

    sample.plant_cdrs(engine, 3000, clock.now() - timedelta(hours=3), "5 hours")
    wanted = CdrFilter(review_only=True)
    view = PostgresCdrs(engine, search_budget_s=0.0)
    page = view.page(EVERYTHING, wanted, PageRequest(50))
    assert page.searched_to is not None
    assert page.older is not None
    assert page.older.at == page.searched_to
    found = [row.call_id for row in all_pages(view, wanted)]
    assert found == newest_first(engine, cdrs.c.review != "")


def test_an_empty_page_of_a_search_can_be_left_both_ways(
    engine: sa.Engine, admin: FlaskClient
) -> None:
    empty = admin.get("/cdrs?callee=99999").text
    assert "No record matches." in empty
    assert "Older" not in empty
    first = PostgresCdrs(engine).page(EVERYTHING, CdrFilter(), PageRequest(400))
    last = first.rows[-1].record
    text = f"{int(last.started_at.timestamp() * 1e6)}-{last.call_id}"
    beyond = admin.get(f"/cdrs?before={text}")
    assert beyond.status_code == 200
    assert "Newest" in beyond.text


# -- filters ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "condition"),
    [
        ({"callee": "4930"}, cdrs.c.callee_rated.startswith("4930")),
        ({"callee": "00 49-30"}, cdrs.c.callee_received.startswith("004930")),
        ({"caller": "390211"}, cdrs.c.caller_rated.startswith("390211")),
        ({"gateway": "baltic-voice-in"}, cdrs.c.mapping_gateway == "baltic-voice-in"),
        ({"gateway": "kestrel-carrier-out"}, cdrs.c.routing_gateway == "kestrel-carrier-out"),
        ({"reason": "busy"}, cdrs.c.reason == "busy"),
        ({"answered": "1"}, cdrs.c.answered_at.is_not(None)),
        ({"review": "1"}, cdrs.c.review != ""),
    ],
)
def test_each_filter(
    admin: FlaskClient, engine: sa.Engine, given: dict[str, str], condition: Any
) -> None:
    expected = newest_first(engine, condition)
    rows = list(csv.DictReader(io.StringIO(admin.get("/cdrs.csv", query_string=given).text)))
    if "caller" in given or "callee" in given:  # a refused call is found by what was received
        assert {row["call_id"] for row in rows} >= set(expected)
    else:
        assert [row["call_id"] for row in rows] == expected
    assert expected
    page = admin.get("/cdrs", query_string=given)
    assert expected[0] in page.text or len(rows) > 50


def test_account_and_time(admin: FlaskClient, engine: sa.Engine, clock: OwnedClock) -> None:
    since = (clock.now() - timedelta(hours=1)).replace(second=0, microsecond=0)
    until = since + timedelta(minutes=20)
    given = {
        "account": "corrientes",
        "since": f"{since:%Y-%m-%dT%H:%M}",
        "until": f"{until:%Y-%m-%dT%H:%M:%S}",
    }
    expected = newest_first(
        engine,
        cdrs.c.mapping_gateway == "corrientes-in",
        cdrs.c.started_at >= since,
        cdrs.c.started_at < until,
    )
    rows = csv.DictReader(io.StringIO(admin.get("/cdrs.csv", query_string=given).text))
    assert [row["call_id"] for row in rows] == expected
    assert expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"account": "nobody"}, "There is no account of this name."),
        ({"since": "yesterday"}, "Expected a date and time"),
        ({"since": "2026-01-01T00:00+02:00"}, "leave the zone out"),
        ({"since": "2026-01-02T00:00", "until": "2026-01-01T00:00"}, "not after the beginning"),
        ({"callee": "49%' OR 1=1"}, "Digits, letters"),
        ({"reason": "because"}, "Not one of the choices."),
        ({"gateway": "a\x00b"}, "No control characters."),
        ({"gateway": "x" * 300}, "At most 255 characters."),
    ],
)
def test_a_wrong_field_says_so_and_keeps_what_was_typed(
    admin: FlaskClient, given: dict[str, str], message: str
) -> None:
    response = admin.get("/cdrs", query_string={**given, "caller": "4930"})
    assert response.status_code == 400
    assert message in response.text
    assert 'value="4930"' in response.text
    assert 'aria-invalid="true"' in response.text


def test_wildcards_are_taken_literally(engine: sa.Engine, clock: OwnedClock) -> None:
    view = PostgresCdrs(engine)
    assert view.page(EVERYTHING, CdrFilter(callee="%"), PageRequest(5)).rows == ()
    assert view.page(EVERYTHING, CdrFilter(callee="_"), PageRequest(5)).rows == ()
    call_id = add_record(engine, clock, callee_received="*31#49")
    found = view.page(EVERYTHING, CdrFilter(callee="*31#"), PageRequest(5)).rows
    assert [seen.record.call_id for seen in found] == [call_id]


# -- one record ---------------------------------------------------------------------------


def test_everything_known_of_a_record(admin: FlaskClient, engine: sa.Engine) -> None:
    row = next(
        row
        for row in all_pages(PostgresCdrs(engine), CdrFilter(answered_only=True))
        if row.attempts == 2
    )
    text = admin.get(f"/cdrs/{row.call_id}").text
    for shown in (
        row.caller_received,
        row.callee_rated,
        row.callee_sent,
        row.sip_call_id,
        row.account,
        row.cost_account,
        row.mapping_gateway,
        "1. <bdi>",
        "2. <bdi>",
        "NORMAL_TEMPORARY_FAILURE",
        "sundown-out: locked",
        "dropped",
        "Post-dial delay",
    ):
        assert shown in text, shown
    assert text.count('class="talking"') == 1
    assert row.margin == row.net - row.cost


def test_margin_over_two_currencies_is_not_told(engine: sa.Engine) -> None:
    row = (
        PostgresCdrs(engine)
        .page(EVERYTHING, CdrFilter(answered_only=True), PageRequest(1))
        .rows[0]
        .record
    )
    assert replace(row, cost_currency="EUR").margin is None


def test_text_from_strangers_is_shown_and_does_nothing(
    admin: FlaskClient, engine: sa.Engine, clock: OwnedClock
) -> None:
    call_id = add_record(
        engine,
        clock,
        caller_received=HOSTILE,
        callee_received="A" * 65_536,
        sip_call_id=HOSTILE,
        mapping_gateway=HOSTILE,
        cause=HOSTILE,
        reason="a-reason-of-the-future",
        ended_by="nobody-knows",
        review=HOSTILE,
        trace=[["number", HOSTILE, HOSTILE]],
    )
    for path in ("/cdrs", f"/cdrs/{call_id}"):
        response = admin.get(path)
        assert response.status_code == 200
        assert "&lt;script&gt;" in response.text
        assert "<script>alert" not in response.text
        assert "\u202e" not in re.sub(r'title="[^"]*"', "", response.text)
        assert "\\u202e" in response.text
        assert "49{{" not in response.text
        assert len(response.text) < 120_000


# -- CSV ----------------------------------------------------------------------------------


def test_csv_has_every_record_exactly(admin: FlaskClient, engine: sa.Engine) -> None:
    response = admin.get("/cdrs.csv")
    assert response.mimetype == "text/csv"
    assert re.fullmatch(
        r"attachment; filename=cdrs-\d{8}T\d{6}Z\.csv", response.headers["Content-Disposition"]
    )
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [row["call_id"] for row in rows] == newest_first(engine)
    with engine.connect() as connection:
        net = connection.scalar(sa.select(sa.func.sum(cdrs.c.net)))
    assert sum(Decimal(row["net"]) for row in rows) == net
    assert rows[0]["started_at"].endswith("Z")


def test_csv_is_harmless_in_a_spreadsheet(
    admin: FlaskClient, engine: sa.Engine, clock: OwnedClock
) -> None:
    call_id = add_record(
        engine,
        clock,
        caller_received='=HYPERLINK("http://evil.example","x")',
        callee_received="+4930123",
        sip_call_id="-2+3+cmd|' /C calc'!A0",
    )
    rows = csv.DictReader(io.StringIO(admin.get("/cdrs.csv").text))
    row = next(row for row in rows if row["call_id"] == call_id)
    assert row["caller_received"].startswith("'=HYPERLINK")
    assert row["sip_call_id"].startswith("'-2+3")
    assert row["callee_received"] == "+4930123"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", "'\tx"),
        (" =1+1", "' =1+1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("-12.5", "-12.5"),
        ("-1+1", "'-1+1"),
        (Decimal("-0.00000001"), "-0.00000001"),
        (Decimal("1E+2"), "100"),
        (None, ""),
        ("a\x00b", "ab"),
    ],
)
def test_csv_cells(value: object, text: str) -> None:
    assert cell(value) == text


def test_the_export_reads_in_pieces_and_stops_at_its_limit(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.persistence.views.cdrs.EXPORT_PIECE", 30)
    view = PostgresCdrs(engine)
    assert [
        seen.record.call_id for seen in view.export(EVERYTHING, CdrFilter(), 1000)
    ] == newest_first(engine)
    assert len(list(view.export(EVERYTHING, CdrFilter(), 70))) == 70
    expected = newest_first(engine, cdrs.c.reason == "busy")
    assert [
        seen.record.call_id for seen in view.export(EVERYTHING, CdrFilter(reason="busy"), 1000)
    ] == expected


def test_only_so_many_exports_at_once(admin: FlaskClient) -> None:
    running = [admin.get("/cdrs.csv", buffered=False) for _ in range(2)]
    assert admin.get("/cdrs.csv").status_code == 429
    for response in running:
        response.close()
    assert admin.get("/cdrs.csv").status_code == 200


# -- parties ------------------------------------------------------------------------------


def resold_call(engine: sa.Engine, clock: OwnedClock) -> str:
    """The dearest call of a customer below two agents."""
    from tests.web import sample

    sample.plant_resellers(engine, clock.now())
    with engine.connect() as connection:
        found = sa.text("SELECT call_id::text FROM cdr_charges WHERE party = 2 ORDER BY net DESC")
        return str(connection.scalar(found))


def test_a_record_shows_each_partys_line_and_who_earns_what(
    engine: sa.Engine, admin: FlaskClient, clock: OwnedClock
) -> None:
    call_id = resold_call(engine, clock)
    found = PostgresCdrs(engine).detail(EVERYTHING, call_id)
    assert found is not None
    customer, reseller, agency, vendor = found.lines
    assert [line.party for line in found.lines] == [0, 1, 2, -1]
    text = admin.get(f"/cdrs/{call_id}").text
    for line in found.lines:
        assert f'href="/accounts/{line.account_id}"' in text
        assert money(line.net, "USD") in text
        assert money(line.gross, "USD") in text
        assert line.raw in text
        assert line.rate_group in text
    assert [(m.account, m.amount) for m in margins(found.lines)] == [
        ("tallinn-reseller", customer.net - reseller.net),
        ("nordic-agency", reseller.net - agency.net),
        ("", agency.net - vendor.gross),
    ]
    assert money(agency.net - vendor.gross, "USD", signed=True) in text
    assert "Before re-rating" not in text


def test_a_corrected_line_stands_and_the_charge_before_is_shown_below(
    engine: sa.Engine, admin: FlaskClient, clock: OwnedClock
) -> None:
    call_id = resold_call(engine, clock)
    corrected = """
        INSERT INTO cdr_charges (call_id, started_at, party, revision, account_id, rate_group,
            prefix, billed_s, net, tax, currency, free_s, gift, package_ids)
        SELECT call_id, started_at, party, 1, account_id, 'corrected', prefix, billed_s, 7.125, 0.5,
            currency, 120, 0.25, ARRAY(SELECT id FROM active_packages ORDER BY id LIMIT 1)
        FROM cdr_charges WHERE call_id = :call_id AND party = 0
    """
    with engine.begin() as connection:
        connection.execute(sa.text(corrected), {"call_id": call_id})
    found = PostgresCdrs(engine).detail(EVERYTHING, call_id)
    assert found is not None
    assert [(line.party, line.revision) for line in standing(found.lines)] == [
        (0, 1),
        (1, 0),
        (2, 0),
        (-1, 0),
    ]
    assert [(line.party, line.revision) for line in superseded(found.lines)] == [(0, 0)]
    assert margins(found.lines)[0].amount == Decimal("7.125") - found.lines[2].net
    text = admin.get(f"/cdrs/{call_id}").text
    now, _, before = text.partition("Before re-rating")
    for shown in ("7.1250\u00a0USD", "7.6250\u00a0USD", "0.25\u00a0USD", "120 s", "Baltic 500"):
        assert shown in now
    assert "when it ended" in now
    assert money(found.lines[0].net, "USD") in before


def test_a_margin_between_currencies_is_not_told(engine: sa.Engine, clock: OwnedClock) -> None:
    found = PostgresCdrs(engine).detail(EVERYTHING, resold_call(engine, clock))
    assert found is not None
    foreign = [replace(line, currency="EUR") if line.party == 1 else line for line in found.lines]
    assert [m.account for m in margins(foreign)] == [""]
    assert margins(line for line in found.lines if line.party >= 0)[-1].account == "nordic-agency"
    assert margins(()) == ()


def test_a_record_that_nobody_paid_for_says_so(
    engine: sa.Engine, admin: FlaskClient, clock: OwnedClock
) -> None:
    assert "Nobody was charged." in admin.get(f"/cdrs/{add_record(engine, clock)}").text
