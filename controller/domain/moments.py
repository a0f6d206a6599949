"""Points in time as people write them: ISO 8601, in a zone where they name no offset. Pure."""

from datetime import UTC, datetime, tzinfo

from controller.domain.errors import InvalidInput


def parse_moment(text: str, zone: tzinfo) -> datetime:
    """ISO 8601 date or time, in UTC. Without an offset it is local to `zone`.

    Raises InvalidInput, also where the zone has that local time twice or never.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{text[:40]!r} is not an ISO 8601 date or time") from None
    return in_utc(moment, zone)


def in_utc(moment: datetime, zone: tzinfo) -> datetime:
    """A moment in UTC; a naive one is local to `zone`. Raises InvalidInput as `parse_moment`."""
    try:
        if moment.tzinfo is None:
            return _from_local(moment, zone)
        return moment.astimezone(UTC)
    except OverflowError:
        text = moment.isoformat()
        raise InvalidInput(f"{text!r} is not an ISO 8601 date or time") from None


def moment_text(moment: datetime | None) -> str:
    """ISO 8601 in UTC, in the shortest exact form; empty for None."""
    if moment is None:
        return ""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _from_local(moment: datetime, zone: tzinfo) -> datetime:
    first, second = (moment.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() != second.utcoffset():
        raise InvalidInput(f"{moment.isoformat()} is not one moment in {zone}: write the offset")
    return first.astimezone(UTC)
