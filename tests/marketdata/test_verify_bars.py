"""``manage.py verify_bars`` names every derived bar that its minutes do not make."""

import io

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from marketdata.models import Instrument, IntradayBar, LongerBar
from marketdata.rollups import again, roll_up
from tests.marketdata.builders import (
    ist,
    make_bar,
    make_hours,
    make_instrument,
    make_minutes,
    save_bars,
)

pytestmark = pytest.mark.django_db


def verify(*arguments: str) -> tuple[int, str]:
    """Return the exit code, and everything that was said."""
    said = io.StringIO()
    try:
        call_command("verify_bars", *arguments, stdout=said, stderr=said)
    except SystemExit as end:
        return int(end.code or 0), said.getvalue()
    return 0, said.getvalue()


@pytest.fixture
def rolled(acme: Instrument):
    make_minutes(acme, "2026-11-23 09:15", 375)
    roll_up()
    return acme


def test_bars_as_their_minutes_make_them_pass(rolled: Instrument):
    assert verify() == (0, "474 bars compared, 0 differ.\n")


@pytest.mark.parametrize(
    "field", ["open", "high", "low", "close", "volume", "open_interest"]
)
def test_a_single_wrong_value_is_named(rolled: Instrument, field: str):
    IntradayBar.objects.filter(minutes=15, opened_at=ist("2026-11-23 11:00")).update(
        **{field: 7}
    )

    code, said = verify()

    assert code == 1
    assert "NSE:ACME 15 2026-11-23 05:30:00+00:00: is" in said
    assert "474 bars compared, 1 differ." in said


def test_a_bar_that_is_missing_or_too_much_is_named(rolled: Instrument):
    LongerBar.objects.filter(unit="week").delete()
    LongerBar.objects.filter(unit="month").update(begins_on="2026-10-01")

    code, said = verify("--symbol", "NSE:ACME")

    assert code == 1
    assert "NSE:ACME 1W 2026-11-23: is None" in said
    assert "NSE:ACME 1M 2026-11-01: is None" in said
    assert "NSE:ACME 1M 2026-10-01: is (" in said


def test_bars_with_a_dirty_minute_are_passed_over(rolled: Instrument):
    save_bars([make_bar(rolled, ist("2026-11-23 10:20"), 999)])

    assert verify() == (0, "464 bars compared, 0 differ.\n")


def test_a_span_compares_what_lies_in_it_whole(rolled: Instrument):
    make_minutes(rolled, "2026-11-24 09:15", 10)
    roll_up()
    day = ["--since", "2026-11-24", "--until", "2026-11-25"]

    # Ten minutes: 5 + 4 + 2 + 1 + 1 + 1 + 1 bars of minutes, and the day.
    assert verify(*day) == (0, "16 bars compared, 0 differ.\n")


def test_bars_of_old_hours_differ_until_they_are_rolled_up_again(rolled: Instrument):
    make_hours(rolled.exchange, opens="09:00")

    assert verify()[0] == 1

    assert again(rolled, ist("2026-11-23 00:00").date()) == 375
    roll_up()
    assert verify()[0] == 0


def test_the_command_rolls_an_exchange_up_again(rolled: Instrument):
    make_hours(rolled.exchange, opens="09:00")

    call_command("roll_up_bars", "--again", "nse", stdout=io.StringIO())

    assert verify()[0] == 0


def test_an_unknown_name_is_a_sentence(rolled: Instrument):
    with pytest.raises(CommandError, match="There is no NSE:NOBODY"):
        call_command("verify_bars", "--symbol", "NSE:NOBODY")
    with pytest.raises(CommandError, match="There is no instrument on MOON"):
        call_command("roll_up_bars", "--again", "MOON")


@pytest.mark.skipif(
    settings.DATABASE_ENGINE == "timescale", reason="tests/timescale has its own"
)
def test_the_quick_way_is_that_of_timescaledb_alone(rolled: Instrument):
    with pytest.raises(CommandError, match="--quick needs TimescaleDB"):
        call_command("verify_bars", "--quick")


def test_only_one_exchange_is_compared_when_it_is_named(rolled: Instrument):
    make_minutes(make_instrument("OTHER", "BSE"), "2026-11-23 09:15", 1)
    roll_up()

    assert verify("--exchange", "bse") == (0, "10 bars compared, 0 differ.\n")
