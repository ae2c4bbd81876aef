"""What price and open interest say together, in numbers one can check by hand."""

from datetime import date

import pytest

from marketdata import futures
from marketdata.futures import Pressure, Sentiment, Signal, Standing, shift

BEFORE = Standing(1000.0, 10_000)


@pytest.mark.parametrize(
    ("price", "open_interest", "signal", "sentiment"),
    [
        (1010.0, 10_200, Signal.LONG_BUILDUP, Sentiment.BULLISH),
        (990.0, 10_200, Signal.SHORT_BUILDUP, Sentiment.BEARISH),
        (990.0, 9_800, Signal.LONG_UNWINDING, Sentiment.BEARISH),
        (1010.0, 9_800, Signal.SHORT_UNWINDING, Sentiment.BULLISH),
        # Exactly no change in one of them, however large the other is.
        (1100.0, 10_000, Signal.NEUTRAL, Sentiment.NEUTRAL),
        (1000.0, 20_000, Signal.NEUTRAL, Sentiment.NEUTRAL),
        # Both under 0.1 %: neutral. One of them at it: not.
        (1000.9, 10_009, Signal.NEUTRAL, Sentiment.NEUTRAL),
        (1001.0, 10_009, Signal.LONG_BUILDUP, Sentiment.BULLISH),
        (1000.9, 9_990, Signal.SHORT_UNWINDING, Sentiment.BULLISH),
    ],
)
def test_the_signs_of_both_changes_tell_who_moves(
    price: float, open_interest: int, signal: Signal, sentiment: Sentiment
):
    found = shift(BEFORE, Standing(price, open_interest))

    assert found is not None
    assert (found.signal, found.sentiment) == (signal, sentiment)


def test_the_strength_is_the_product_of_both_changes():
    found = shift(BEFORE, Standing(980.0, 10_500))

    assert found is not None
    assert (found.price_change, found.price_change_percent) == (-20.0, -2.0)
    assert (found.open_interest_change, found.open_interest_change_percent) == (500, 5)
    assert found.strength == 0.1


def test_the_threshold_is_the_askers():
    found = shift(BEFORE, Standing(1010.0, 10_200), threshold_percent=3)

    assert found is not None
    assert found.signal == Signal.NEUTRAL


@pytest.mark.parametrize("before", [Standing(0.0, 5), Standing(5.0, 0)])
def test_nothing_is_told_of_what_began_at_nothing(before: Standing):
    assert shift(before, BEFORE) is None


@pytest.mark.parametrize(
    ("days", "pressure", "status"),
    [
        (6, 0.0, Pressure.LOW),
        (5, 0.0, Pressure.LOW),
        (3, 9.6, Pressure.LOW),
        (2, 21.6, Pressure.MEDIUM),
        (1, 38.4, Pressure.HIGH),
        (0, 60.0, Pressure.HIGH),
        (-1, 0.0, Pressure.EXPIRED),
    ],
)
def test_the_pressure_to_roll_sixty_percent_over(
    days: int, pressure: float, status: Pressure
):
    found = futures.rollover(60.0, days)

    assert (found.pressure, found.status) == (pressure, status)


@pytest.mark.parametrize(
    ("share", "status"),
    [(10.0, Pressure.LOW), (10.1, Pressure.MEDIUM), (30.0, Pressure.MEDIUM)],
)
def test_pressure_is_higher_only_above_its_limit(share: float, status: Pressure):
    assert futures.rollover(share, 0).status == status


def test_the_basis_is_also_told_by_the_year():
    found = futures.basis(24_240.0, 24_000.0, 73)

    assert (found.points, found.percent, found.annual_percent) == (240.0, 1.0, 5.0)


def test_a_basis_below_the_underlying_is_negative():
    assert futures.basis(23_880.0, 24_000.0, 365).annual_percent == -0.5


def test_there_is_no_yearly_basis_on_the_day_of_expiry():
    assert futures.basis(24_240.0, 24_000.0, 0).annual_percent is None


def test_days_are_calendar_days():
    assert futures.days_left(date(2026, 11, 23), date(2026, 11, 20)) == 3
