"""Which destinations of one list another one does not reach. Pure.

The two classic faults of an operator's configuration (spec §15.1, §15.3) are destinations that
have routes and no price, and prices that have no route; both are this one comparison.
"""

from collections.abc import Iterable

from controller.domain.numbering import CATCH_ALL


def uncovered(destinations: Iterable[str], by: Iterable[str]) -> list[str]:
    """Prefixes of `destinations` of which no number matches a prefix in `by`, in order.

    A destination that is reached in part (39, where only 3906 is in `by`) counts as covered.
    """
    reached = {"" if prefix == CATCH_ALL else prefix for prefix in by}
    stems = {prefix[:length] for prefix in reached for length in range(len(prefix))}
    return sorted(
        destination
        for destination in set(destinations)
        if not _covered("" if destination == CATCH_ALL else destination, reached, stems)
    )


def _covered(prefix: str, reached: set[str], stems: set[str]) -> bool:
    return prefix in stems or any(prefix[:length] in reached for length in range(len(prefix) + 1))
