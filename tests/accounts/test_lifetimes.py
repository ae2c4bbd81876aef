"""When a log-in is over, however much it is used."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ImproperlyConfigured

from accounts.lifetimes import end_of
from tradingsite import environment

LONGEST = timedelta(hours=8)
BEFORE_THE_MARKET = time(8, 30, tzinfo=ZoneInfo("Asia/Kolkata"))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("began", "ends"),
    [
        ("2026-01-05 03:45", "2026-01-05 11:45"),  # after the daily end: eight hours
        ("2026-01-05 01:00", "2026-01-05 03:00"),  # 06:30 in India: until 08:30
        ("2026-01-05 20:00", "2026-01-06 03:00"),  # the evening before
        ("2026-01-05 03:00", "2026-01-05 11:00"),  # at the end itself: a new day
    ],
)
def test_a_log_in_ends_after_8_hours_or_before_the_market(began: str, ends: str):
    found = end_of(at(began), longest=LONGEST, daily_end=BEFORE_THE_MARKET)
    assert found == at(ends)


def test_without_a_daily_end_it_is_8_hours():
    began = at("2026-01-05 01:00")
    assert end_of(began, longest=LONGEST, daily_end=None) == began + LONGEST


def test_the_setting_is_a_time_or_never(monkeypatch: pytest.MonkeyPatch):
    def read(text: str) -> time | None:
        monkeypatch.setenv("SESSION_DAILY_END", text)
        return environment.time_of_day("SESSION_DAILY_END", "08:30", "Asia/Kolkata")

    assert read("") == BEFORE_THE_MARKET
    assert read("never") is None
    with pytest.raises(ImproperlyConfigured, match="must be a time such as 08:30"):
        read("half past eight")
