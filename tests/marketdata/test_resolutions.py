from datetime import date

import pytest

from marketdata import resolutions
from marketdata.resolutions import UnknownResolutionError, parse


@pytest.mark.parametrize(
    ("name", "code"),
    [("1", "1"), ("60", "60"), ("D", "1D"), ("1D", "1D"), ("W", "1W"), ("M", "1M")],
)
def test_a_resolution_is_known_by_its_name_and_its_short_name(name: str, code: str):
    assert parse(name).code == code


@pytest.mark.parametrize(
    "name",
    ["", "0", "4", "05", "7", "1S", "5S", "1T", "d", "1m", "1.0", " 1", "-1", "\uff11"],
)
def test_a_name_nobody_knows_is_never_read_as_another(name: str):
    with pytest.raises(UnknownResolutionError):
        parse(name)


@pytest.mark.parametrize(
    ("name", "first", "after"),
    [
        ("1D", date(2026, 12, 31), date(2027, 1, 1)),
        ("1W", date(2026, 12, 28), date(2027, 1, 4)),
        ("1M", date(2026, 12, 1), date(2027, 1, 1)),
    ],
)
def test_a_day_lies_in_one_bar_also_over_the_new_year(
    name: str, first: date, after: date
):
    resolution = parse(name)

    assert resolution.first_day(date(2026, 12, 31)) == first
    assert resolution.day_after(date(2026, 12, 31)) == after


def test_codes_are_unique():
    codes = [resolution.code for resolution in resolutions.RESOLUTIONS]

    assert len(codes) == len(set(codes))
