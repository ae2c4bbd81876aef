"""When an account is behind its broker: by its markets' hours, not by age alone."""

from datetime import datetime, timedelta

import pytest

from accounts import hours
from accounts.in_step import BEHIND_AFTER, stale_since
from accounts.models import AccountSync, TradingAccount
from marketdata.calendars import calendar_of
from marketdata.sessions import Calendar
from tests.marketdata.builders import ist, make_exchange, make_holiday, make_hours

# A Monday; the market is open from 09:15 to 15:30.
MONDAY, TUESDAY = "2026-01-05", "2026-01-06"
SECOND = timedelta(seconds=1)


@pytest.fixture
def market(db: None) -> Calendar:
    make_hours(make_exchange("NSE"))
    return calendar_of("NSE")


def behind(
    account: TradingAccount, market: Calendar, heard: str, at: str | datetime
) -> bool:
    """Tell whether the account is stale since it was ``heard``, and then it alone."""
    at = ist(at) if isinstance(at, str) else at
    sync = AccountSync(account=account, last_sync_at=ist(heard))
    found = stale_since(account, sync, [market], at)
    assert found in {None, sync.last_sync_at}
    return found is not None


@pytest.mark.parametrize(
    ("heard", "at", "is_behind"),
    [
        (f"{MONDAY} 10:00", f"{MONDAY} 10:02", False),
        (f"{MONDAY} 10:00", f"{MONDAY} 10:03", True),
        # In the morning the first sync has its time, however old the last one is.
        ("2026-01-02 15:34", f"{MONDAY} 09:00", False),
        ("2026-01-02 15:34", f"{MONDAY} 09:17", False),
        ("2026-01-02 15:34", f"{MONDAY} 09:18", True),
        # After the close nothing moves; what missed the last fills is behind for long.
        (f"{MONDAY} 15:34", f"{MONDAY} 23:00", False),
        (f"{MONDAY} 15:29", f"{MONDAY} 23:00", True),
        (f"{MONDAY} 15:29", f"{TUESDAY} 08:00", True),
        (f"{MONDAY} 15:34", f"{TUESDAY} 08:00", False),
        # Asked outside the hours, and answered.
        (f"{MONDAY} 20:00", f"{TUESDAY} 08:00", False),
    ],
)
def test_an_account_is_behind_when_it_should_have_been_heard(
    account: TradingAccount, market: Calendar, heard: str, at: str, is_behind: bool
):
    assert behind(account, market, heard, at) is is_behind


def test_the_moment_it_becomes_so(account: TradingAccount, market: Calendar):
    last = ist(f"{MONDAY} 10:00") + BEHIND_AFTER
    assert not behind(account, market, f"{MONDAY} 10:00", last)
    assert behind(account, market, f"{MONDAY} 10:00", last + SECOND)


def test_on_a_holiday_nobody_is_behind(account: TradingAccount, market: Calendar):
    make_holiday(make_exchange("NSE"), MONDAY)
    assert not behind(
        account, calendar_of("NSE"), "2026-01-02 15:34", f"{MONDAY} 11:00"
    )


def test_who_was_never_synced_or_is_not_active_is_not_behind(
    account: TradingAccount, market: Calendar
):
    at = ist(f"{MONDAY} 11:00")
    assert stale_since(account, AccountSync(account=account), [market], at) is None
    assert behind(account, market, f"{MONDAY} 10:00", at)
    account.status = TradingAccount.Status.SUSPENDED
    assert not behind(account, market, f"{MONDAY} 10:00", at)


def test_a_market_is_open_until_its_last_close(market: Calendar):
    later = hours.open_until([market], ist(f"{MONDAY} 11:00"))
    assert later == ist(f"{MONDAY} 15:30")
    assert hours.open_until([market], ist(f"{MONDAY} 15:30")) is None
