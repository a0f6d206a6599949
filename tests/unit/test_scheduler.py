"""When timed jobs come."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from controller.scheduler import jobs


@pytest.mark.parametrize(
    "zone",
    [
        "UTC",
        "Europe/Paris",
        "America/New_York",
        "America/St_Johns",
        "Asia/Kolkata",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "Pacific/Chatham",
        "Pacific/Kiritimati",
    ],
)
@pytest.mark.parametrize("day", ["2026-01-01", "2026-03-29", "2026-07-01", "2026-10-25"])
def test_what_is_due_is_charged_just_after_the_platforms_midnight(zone: str, day: str) -> None:
    """Whatever the zone, which may be changed while the scheduler runs."""
    midnight = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    engine = sa.create_engine("postgresql+psycopg://nowhere")
    triggers = {name: trigger for name, trigger, _ in jobs(engine)}
    fires = triggers["charge what is due"].get_next_fire_time(None, midnight)
    assert timedelta(0) < fires - midnight <= timedelta(seconds=10)
