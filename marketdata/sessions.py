"""When a market is open: dated hours, weekdays, holidays, special sessions.

Nothing here is a constant of a market: a :class:`Calendar` is made of the rows of
one exchange, and an old day is asked with the rows that were valid then.
"""

import datetime
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

ONE_DAY = datetime.timedelta(days=1)
SEARCHED_DAYS = 30


@dataclass(frozen=True, slots=True)
class Hours:
    """The hours of one weekday (0 is Monday) while they were valid.

    Contracts that expire on the day may stop earlier, at ``expiring_closes_at``.
    """

    weekday: int
    opens_at: datetime.time
    closes_at: datetime.time
    valid_from: datetime.date
    valid_to: datetime.date | None = None
    segment: str = ""
    expiring_closes_at: datetime.time | None = None

    def apply_to(self, day: datetime.date, segment: str) -> bool:
        return (
            self.weekday == day.weekday()
            and self.segment == segment
            and self.valid_from <= day
            and (self.valid_to is None or day <= self.valid_to)
        )


@dataclass(frozen=True, slots=True)
class Session:
    """One opening of a market, from ``opens_at`` until just before ``closes_at``."""

    opens_at: datetime.datetime
    closes_at: datetime.datetime

    def contains(self, at: datetime.datetime) -> bool:
        return self.opens_at <= at < self.closes_at


@dataclass(frozen=True, slots=True)
class TradingDay:
    """A day of the exchange's own clock in epoch seconds, and when it opened."""

    begins_at: float
    ends_at: float
    opens_at: float | None


Special = tuple[datetime.time, datetime.time] | None


@dataclass(frozen=True)
class Calendar:
    """The dated hours of one exchange."""

    timezone: ZoneInfo
    hours: Sequence[Hours] = ()
    # A day that is closed (None) or open at hours of its own.
    special: Mapping[datetime.date, Special] = field(default_factory=dict)
    # Days with a session that are holidays all the same: nothing expires on them.
    festive: Collection[datetime.date] = frozenset()

    def day_of(self, at: datetime.datetime) -> datetime.date:
        """Return the exchange's date at the instant ``at``."""
        return at.astimezone(self.timezone).date()

    def session_on(
        self, day: datetime.date, segment: str = "", *, is_expiring: bool = False
    ) -> Session | None:
        """Return the session of ``day``, or None when the market stays closed."""
        if day in self.special:
            times = self.special[day]
        else:
            times = self._regular_times(day, segment, is_expiring=is_expiring)
        return self._session(day, *times) if times else None

    def is_trading_day(self, day: datetime.date, segment: str = "") -> bool:
        """Tell whether any session is held on ``day``, a special one too."""
        return self.session_on(day, segment) is not None

    def is_business_day(self, day: datetime.date, segment: str = "") -> bool:
        """Tell whether ``day`` is worked and settled like others: contracts may end."""
        return day not in self.festive and self.is_trading_day(day, segment)

    def trading_days(
        self, start: datetime.date, end: datetime.date, segment: str = ""
    ) -> Iterator[datetime.date]:
        """Yield the days with a session from ``start`` through ``end``."""
        for number in range((end - start).days + 1):
            day = start + number * ONE_DAY
            if self.is_trading_day(day, segment):
                yield day

    def next_trading_day(
        self, day: datetime.date, segment: str = ""
    ) -> datetime.date | None:
        """Return the first day with a session after ``day``; None within a month."""
        last = day + SEARCHED_DAYS * ONE_DAY
        return next(self.trading_days(day + ONE_DAY, last, segment), None)

    def previous_business_day(
        self, day: datetime.date, segment: str = ""
    ) -> datetime.date | None:
        """Return the last business day before ``day``; None within a month."""
        for number in range(1, SEARCHED_DAYS + 1):
            if self.is_business_day(day - number * ONE_DAY, segment):
                return day - number * ONE_DAY
        return None

    def is_open(self, at: datetime.datetime, segment: str = "") -> bool:
        session = self.session_on(self.day_of(at), segment)
        return session is not None and session.contains(at)

    def next_open(
        self, at: datetime.datetime, segment: str = ""
    ) -> datetime.datetime | None:
        """Return when the market next opens after ``at``; None within a month."""
        day = self.day_of(at)
        for _ in range(SEARCHED_DAYS):
            session = self.session_on(day, segment)
            if session and session.opens_at > at:
                return session.opens_at
            day += ONE_DAY
        return None

    def trading_day(self, at: float, segment: str = "") -> TradingDay:
        """Return the day in which the epoch second ``at`` falls."""
        day = datetime.datetime.fromtimestamp(at, self.timezone).date()
        session = self.session_on(day, segment)
        return TradingDay(
            begins_at=self._midnight(day).timestamp(),
            ends_at=self._midnight(day + ONE_DAY).timestamp(),
            opens_at=session.opens_at.timestamp() if session else None,
        )

    def _regular_times(
        self, day: datetime.date, segment: str, *, is_expiring: bool = False
    ) -> Special:
        for wanted in dict.fromkeys((segment, "")):
            for hours in self.hours:
                if hours.apply_to(day, wanted):
                    early = hours.expiring_closes_at if is_expiring else None
                    return hours.opens_at, early or hours.closes_at
        return None

    def _session(
        self, day: datetime.date, opens: datetime.time, closes: datetime.time
    ) -> Session:
        # Midnight as an end is the midnight after.
        last = day + ONE_DAY if closes <= opens else day
        return Session(
            datetime.datetime.combine(day, opens, self.timezone),
            datetime.datetime.combine(last, closes, self.timezone),
        )

    def _midnight(self, day: datetime.date) -> datetime.datetime:
        return datetime.datetime.combine(day, datetime.time(), self.timezone)
