"""How long the switch has been up, in its own words. No I/O."""


def uptime_text(seconds: float) -> str:
    """As `status` and HEARTBEAT show it."""
    microseconds = int(seconds * 1_000_000)
    rest, microseconds = divmod(microseconds, 1_000)
    rest, milliseconds = divmod(rest, 1_000)
    rest, whole_seconds = divmod(rest, 60)
    rest, minutes = divmod(rest, 60)
    rest, hours = divmod(rest, 24)
    years, days = divmod(rest, 365)
    parts = (
        (years, "year"),
        (days, "day"),
        (hours, "hour"),
        (minutes, "minute"),
        (whole_seconds, "second"),
        (milliseconds, "millisecond"),
        (microseconds, "microsecond"),
    )
    return ", ".join(f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in parts)
