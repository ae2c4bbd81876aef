"""How long a log-in lasts, pure: so many hours, and never past the daily end."""

from datetime import datetime, time, timedelta


def end_of(
    started_at: datetime, *, longest: timedelta, daily_end: time | None
) -> datetime:
    """Return when a log-in that began at ``started_at`` ends.

    ``daily_end`` is a time of day, aware like ``started_at``; the brokers of India end
    every log-in before the markets open, and so does the house.
    """
    latest = started_at + longest
    if daily_end is None:
        return latest
    there = started_at.astimezone(daily_end.tzinfo)
    end = datetime.combine(there.date(), daily_end)
    if end <= there:
        end = datetime.combine(there.date() + timedelta(days=1), daily_end)
    return min(latest, end)
