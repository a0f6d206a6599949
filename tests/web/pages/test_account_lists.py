"""Lists of accounts: scope, filters, order, columns, pages, CSV, the tree, suggestions."""

import csv
import io
import re

import pytest

from tests.integration.account_office import Office
from tests.web.conftest import MakeApp
from tests.web.pages.conftest import Enter
from tests.web.pages.visitors import Person, person


def names(page: str) -> list[str]:
    """Accounts in the table, in its order."""
    table = page.partition("<tbody>")[2].partition("</tbody>")[0]
    return re.findall(r'<tr>\s*<td><a href="/accounts/\d+"><bdi>([^<]+)</bdi>', table)


@pytest.mark.parametrize(
    ("who", "sees"),
    [
        ("wholesaler", ["bd-wholesale", "customer-001", "dhaka-retail"]),
        ("retailer", ["customer-001", "dhaka-retail"]),
        ("customer", ["customer-001"]),
        ("stranger", ["other-agent", "other-customer"]),
    ],
)
def test_everybody_sees_the_own_tree(enter: Enter, who: str, sees: list[str]) -> None:
    visitor = enter(who)
    page = visitor.get("/accounts").text
    assert names(page) == sees
    rows = list(csv.DictReader(io.StringIO(visitor.get("/accounts.csv").text)))
    assert [row["name"] for row in rows] == sees
    for other in {"bd-wholesale", "dhaka-retail", "customer-001", "other-agent"} - set(sees):
        path = visitor.page_of(other)
        for part in ("", "/rights", "/phones", "/change", "/lock", "/pay/payment", "/history"):
            assert visitor.get(path + part).status_code in (403, 404), part
        assert visitor.get(path).status_code == 404
        assert visitor.get(f"/accounts?under={other}").status_code == 404
        if who != "customer":
            assert visitor.get(f"/accounts/tree?under={other}").status_code == 404
        assert visitor.get(f"/accounts/names?q={other}").text.strip() == ""
        assert other not in page
        if who != "customer":
            denied = visitor.office.log(actor=who, denied_only=True, name=other)
            assert denied, "the attempt leaves a line"


def test_direct_and_all(ada: Person) -> None:
    assert names(ada.get("/accounts?under=bd-wholesale&view=direct").text) == ["dhaka-retail"]
    below = names(ada.get("/accounts?under=bd-wholesale&view=all").text)
    assert below == ["customer-001", "dhaka-retail"]


def test_filters(ada: Person, office: Office) -> None:
    office.make("euro-one", currency="EUR", title="Único")
    office.make("locked-one", locked=True)
    assert names(ada.get("/accounts?currency=eur").text) == ["euro-one"]
    assert names(ada.get("/accounts?state=locked").text) == ["locked-one"]
    assert names(ada.get("/accounts?q=nico").text) == ["euro-one"]
    assert "No account matches" in ada.get("/accounts?q=%25").text
    for wrong in ("kind=nobody", "state=asleep", "sort=money", "view=some", "q=" + "x" * 65):
        assert ada.get(f"/accounts?{wrong}").status_code == 400


def test_order_and_pages_go_through_everything_once(make_app: MakeApp, office: Office) -> None:
    ada = person(make_app(page_size=2), office, "ada")
    for query in ("sort=name", "sort=balance&desc=1", "sort=created", "sort=name&desc=1"):
        seen, path = [], f"/accounts?{query}"
        while path:
            page = ada.get(path).text
            seen += names(page)
            following = re.search(r'rel="next" href="([^"]+)"', page)
            path = following[1].replace("&amp;", "&") if following else ""
        assert len(seen) == len(set(seen)) == 5, query
        if query.startswith("sort=name"):
            assert seen == sorted(seen, reverse="desc" in query)


@pytest.mark.parametrize(
    "after", ["x y", "1 99999999999999999999999", "2026-13-01 5", "' OR 1=1 --", "9" * 300]
)
def test_a_made_up_place_is_refused(ada: Person, after: str) -> None:
    assert ada.get("/accounts", query_string={"sort": "balance", "after": after}).status_code == 400


def test_columns_are_chosen_and_remembered(ada: Person) -> None:
    assert "Rate group" not in heads(ada.get("/accounts").text)
    chosen = ada.get("/accounts?columns=name&columns=rate_group&columns=nobody").text
    assert heads(chosen) == ["Account", "Rate group"]
    assert heads(ada.get("/accounts").text) == ["Account", "Rate group"]
    assert "Balance" in heads(ada.get("/accounts?columns=").text)


def heads(page: str) -> list[str]:
    table = page.partition("<thead>")[2].partition("</thead>")[0]
    found = re.findall(r'<th scope="col"[^>]*>(?:<a[^>]*>)?([^<]+)', table)
    return [head.strip() for head in found]


def test_the_order_is_told_to_everybody(ada: Person) -> None:
    page = ada.get("/accounts?sort=balance&desc=1").text
    assert re.search(r'aria-sort="descending"><a class="sort" href="[^"]*"[^>]*>Balance', page)


def test_formulas_do_not_get_into_spreadsheets(ada: Person, office: Office) -> None:
    office.make("evil", title="=HYPERLINK(A1)")
    office.make("evil-2", title="@SUM(1)")
    text = ada.get("/accounts.csv").text
    assert ",'=HYPERLINK(A1)," in text
    assert ",'@SUM(1)," in text


def test_the_tree_opens_branch_by_branch(ada: Person, wholesaler: Person) -> None:
    whole = ada.get("/accounts/tree").text
    assert "bd-wholesale" in whole
    assert "dhaka-retail" not in whole
    branch = ada.get("/accounts/tree?under=bd-wholesale", headers={"X-Part": "1"}).text
    assert "dhaka-retail" in branch
    assert "<html" not in branch
    assert "customer-001" not in branch, "an account without accounts below is no agent"
    assert "other-agent" not in wholesaler.get("/accounts/tree").text


def test_names_are_suggested(ada: Person) -> None:
    options = ada.get("/accounts/names?q=retail").text
    assert '<option value="dhaka-retail">' in options
    assert ada.get("/accounts/names?q=").text.strip() == ""
    assert ada.get("/accounts/names?q=%00%1b").status_code == 200
