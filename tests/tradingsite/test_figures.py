"""How numbers and times are written on the pages."""

from datetime import UTC, datetime

import pytest

from tradingsite.templatetags import figures
from tradingsite.templatetags.figures import ABSENT


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, ABSENT),
        (0, "0.00"),
        (999.999, "1,000.00"),
        (24812.35, "24,812.35"),
        (124812.35, "1,24,812.35"),
        (12345678.9, "1,23,45,678.90"),
        (-0.004, "0.00"),
        (-1250, "\N{MINUS SIGN}1,250.00"),
    ],
)
def test_prices_are_grouped_as_in_india(value: float | None, written: str):
    assert figures.price(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [(None, ABSENT), (1.5, "+1.50"), (-1.5, "\N{MINUS SIGN}1.50"), (0.001, "0.00")],
)
def test_a_change_shows_its_sign(value: float | None, written: str):
    assert figures.signed(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, ABSENT),
        (0, "0"),
        (84512, "84,512"),
        (1240000, "12.40 L"),
        (30700000, "3.07 Cr"),
    ],
)
def test_quantities_are_written_shortly(value: int | None, written: str):
    assert figures.compact(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, ABSENT),
        (0.42, "0.4 s"),
        (12.4, "12 s"),
        (190, "3 min"),
        (7300, "2 h"),
        (200000, "2 d"),
    ],
)
def test_a_duration_is_written_in_its_largest_unit(value: float | None, written: str):
    assert figures.seconds(value) == written


def test_the_clock_shows_india():
    assert figures.clock(datetime(2026, 1, 5, 3, 45, 9, tzinfo=UTC)) == "09:15:09"
    assert figures.clock(None) == ABSENT
    assert figures.minute(datetime(2026, 1, 5, 3, 45, 9, tzinfo=UTC)) == "09:15"
    assert figures.minute(None) == figures.until_minute(None) == ABSENT
    assert figures.zone_name() == "IST"


def test_what_ends_at_midnight_ends_at_24():
    assert figures.until_minute(datetime(2026, 1, 5, 18, 30, tzinfo=UTC)) == "24:00"
    assert figures.until_minute(datetime(2026, 1, 5, 10, 0, tzinfo=UTC)) == "15:30"
