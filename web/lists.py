"""What the lists have in common: columns that a person chose, the order, and addresses of pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import request, session

from web.i18n import LazyText

MAX_PAGE = 200
CHOSEN = "columns"


@dataclass(frozen=True, slots=True)
class Column:
    """`usual`: shown where nobody chose. `sort`: the order's name, where the list can have it.
    `wide`: left out on narrow screens unless somebody chose it."""

    name: str
    label: LazyText
    usual: bool = True
    sort: str = ""
    number: bool = False
    wide: bool = False


@dataclass(frozen=True, slots=True)
class ListState:
    """Where in which list somebody is: `given` are the filters, as they stand in the address."""

    endpoint: str
    columns: tuple[Column, ...]
    all_columns: tuple[Column, ...]
    given: Mapping[str, str]
    sort: str
    descending: bool

    def address(self, **more: str | None) -> dict[str, str]:
        """The list's address, with something else in it; None takes it out."""
        found = {**self.given, **self._order(), **more}
        return {name: value for name, value in found.items() if value}

    def _order(self) -> dict[str, str]:
        return {"sort": self.sort, "desc": "1" if self.descending else ""}

    def sorted_by(self, column: Column) -> dict[str, str]:
        """The address of this list in a column's order; again: the other way round."""
        turned = column.sort == self.sort and not self.descending
        return self.address(sort=column.sort, desc="1" if turned else None)

    def direction(self, column: Column) -> str:
        """For `aria-sort`; empty where the list is in another order."""
        if not column.sort or column.sort != self.sort:
            return ""
        return "descending" if self.descending else "ascending"

    @property
    def names(self) -> frozenset[str]:
        return frozenset(column.name for column in self.columns)


def list_state(
    endpoint: str,
    columns: Sequence[Column],
    filters: Sequence[str],
    *,
    sort: str = "name",
) -> ListState:
    """From the address. Columns are remembered until the person signs out."""
    sorts = {column.sort for column in columns if column.sort}
    wanted = request.args.get("sort", "")
    return ListState(
        endpoint,
        chosen_columns(endpoint, columns),
        tuple(columns),
        {name: value for name in filters if (value := request.args.get(name, "").strip())},
        wanted if wanted in sorts else sort,
        request.args.get("desc") == "1",
    )


def chosen_columns(endpoint: str, columns: Sequence[Column]) -> tuple[Column, ...]:
    known = {column.name for column in columns}
    remembered: dict[str, list[str]] = session.get(CHOSEN, {})
    if CHOSEN in request.args:
        names = [name for name in request.args.getlist(CHOSEN) if name in known]
        session[CHOSEN] = (
            {**remembered, endpoint: names} if names else _without(remembered, endpoint)
        )
        remembered = session[CHOSEN]
    names = remembered.get(endpoint) or [column.name for column in columns if column.usual]
    return tuple(column for column in columns if column.name in names)


def _without(remembered: Mapping[str, list[str]], endpoint: str) -> dict[str, list[str]]:
    return {name: chosen for name, chosen in remembered.items() if name != endpoint}
