"""What price and open interest of futures tell: build-up, unwinding, roll-over, basis.

Open interest that rises means that positions are opened, and the price says by
whom: by buyers when it rises too, by sellers when it falls. Open interest that
falls means that they are closed: longs when the price falls (unwinding), shorts
when it rises (covering, which the original calls short unwinding).
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

ROLLOVER_DAYS = 5
HIGH_PRESSURE, MEDIUM_PRESSURE = 30.0, 10.0
DAYS_A_YEAR = 365
THRESHOLD_PERCENT = 0.1


class Signal(StrEnum):
    """Who moves: by the signs of the changes in price and open interest."""

    LONG_BUILDUP = "LONG_BUILDUP"
    SHORT_BUILDUP = "SHORT_BUILDUP"
    LONG_UNWINDING = "LONG_UNWINDING"
    SHORT_UNWINDING = "SHORT_UNWINDING"
    NEUTRAL = "NEUTRAL"


class Sentiment(StrEnum):
    """What a signal says of where the price goes."""

    BULLISH = "BULLISH"
    BEARISH = "BEARISH"
    NEUTRAL = "NEUTRAL"


class Pressure(StrEnum):
    """How much of the open interest still has to move on to a later expiry."""

    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"
    EXPIRED = "EXPIRED"


_SIGNALS = {
    (True, True): Signal.LONG_BUILDUP,
    (False, True): Signal.SHORT_BUILDUP,
    (False, False): Signal.LONG_UNWINDING,
    (True, False): Signal.SHORT_UNWINDING,
}
_SENTIMENTS = {
    Signal.LONG_BUILDUP: Sentiment.BULLISH,
    Signal.SHORT_BUILDUP: Sentiment.BEARISH,
    Signal.LONG_UNWINDING: Sentiment.BEARISH,
    Signal.SHORT_UNWINDING: Sentiment.BULLISH,
    Signal.NEUTRAL: Sentiment.NEUTRAL,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Price and open interest of a contract at one moment."""

    price: float
    open_interest: int


@dataclass(frozen=True, slots=True)
class Shift:
    """What changed between two moments, and who must have moved."""

    price_change: float
    price_change_percent: float
    open_interest_change: int
    open_interest_change_percent: float
    signal: Signal

    @property
    def strength(self) -> float:
        """Return the product of both changes in percent, over a hundred."""
        changes = self.price_change_percent * self.open_interest_change_percent
        return abs(changes) / 100

    @property
    def sentiment(self) -> Sentiment:
        return _SENTIMENTS[self.signal]


@dataclass(frozen=True, slots=True)
class Basis:
    """How far a future stands above its underlying, and what that is a year."""

    points: float
    percent: float
    annual_percent: float | None


@dataclass(frozen=True, slots=True)
class Rollover:
    """How pressing it is to leave an expiry, by its share and its days."""

    pressure: float
    status: Pressure


def shift(
    before: Standing, now: Standing, *, threshold_percent: float = THRESHOLD_PERCENT
) -> Shift | None:
    """Return what happened between two moments; None without a whole comparison.

    Nothing can be told of a contract whose price or open interest began at 0.
    """
    if before.price <= 0 or before.open_interest <= 0:
        return None
    price = now.price - before.price
    interest = now.open_interest - before.open_interest
    price_percent = 100 * price / before.price
    interest_percent = 100 * interest / before.open_interest
    is_small = max(abs(price_percent), abs(interest_percent)) < threshold_percent
    is_still = is_small or not price or not interest
    signal = Signal.NEUTRAL if is_still else _SIGNALS[price > 0, interest > 0]
    return Shift(price, price_percent, interest, interest_percent, signal)


def basis(future: float, underlying: float, days: int) -> Basis:
    """Return the basis of a future with ``days`` to its expiry.

    On the day of its expiry there is no year to speak of.
    """
    points = future - underlying
    percent = 100 * points / underlying
    annual = percent * DAYS_A_YEAR / days if days > 0 else None
    return Basis(points, percent, annual)


def rollover(
    share_percent: float, days: int, *, threshold_days: int = ROLLOVER_DAYS
) -> Rollover:
    """Return the pressure on an expiry that holds so much of all open interest.

    It rises with the square of the days that are gone of the last ``threshold_days``:
    60 % weigh 0 five days before, 9.6 at three, 38.4 at one and 60 at none.
    """
    if days < 0:
        return Rollover(0.0, Pressure.EXPIRED)
    gone = max(threshold_days - days, 0)
    pressure = share_percent * gone**2 / threshold_days**2
    if pressure > HIGH_PRESSURE:
        return Rollover(pressure, Pressure.HIGH)
    is_medium = pressure > MEDIUM_PRESSURE
    return Rollover(pressure, Pressure.MEDIUM if is_medium else Pressure.LOW)


def days_left(expires_on: date, today: date) -> int:
    """Return the calendar days to an expiry; negative when it is over."""
    return (expires_on - today).days
