"""Which destinations of one list another one does not reach. Pure.

The two classic faults of an operator's configuration (spec §15.1, §15.3) are destinations that
have routes and no price, and prices that have no route; both are this one comparison.
`coverage_walk.py` makes it for all decks and routes at once.

A destination that is reached in part (39, where only 3906 is known) counts as reached.
"""

from collections.abc import Iterable, Iterator

from controller.domain.numbering import CATCH_ALL


def uncovered(destinations: Iterable[str], by: Iterable[str]) -> list[str]:
    """Prefixes of `destinations` of which no number matches a prefix in `by`, in order."""
    wanted, reached = (sorted({_bare(prefix) for prefix in some}) for some in (destinations, by))
    return [prefix or CATCH_ALL for prefix in missing(wanted, reached)]


def missing(destinations: Iterable[str], by: Iterable[str]) -> Iterator[str]:
    """The same for two streams in order (of their bytes), in which the catch-all is empty."""
    following = iter(by)
    ahead = next(following, None)
    covering: str | None = None
    for prefix in destinations:
        while ahead is not None and ahead <= prefix:
            # what begins with the covering prefix covers nothing more
            if covering is None or not ahead.startswith(covering):
                covering = ahead
            ahead = next(following, None)
        if covering is not None and prefix.startswith(covering):
            continue
        if ahead is None or not ahead.startswith(prefix):
            yield prefix


def _bare(prefix: str) -> str:
    return "" if prefix == CATCH_ALL else prefix
