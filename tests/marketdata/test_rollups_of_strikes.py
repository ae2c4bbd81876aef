"""Strikes over more than a minute: sums of volume, the last of all that was known."""

import datetime
import random
from decimal import Decimal
from typing import Any

import pytest

from marketdata import partitions
from marketdata.models import (
    DirtyBucket,
    Instrument,
    IntradayStrikeBar,
    LongerStrikeBar,
    StrikeBar,
)
from marketdata.rollups import roll_up
from marketdata.rollups.strikes import COLUMNS
from marketdata.rollups.verifying import SIDE_COLUMNS, Span, verify_all
from tests.marketdata.builders import ist, make_exchange, make_hours, make_instrument

pytestmark = pytest.mark.django_db

EXPIRY = datetime.date(2026, 11, 24)
OPEN = "2026-11-23 09:15"


@pytest.fixture
def nifty(db: None):
    make_hours(make_exchange("NSE"))
    make_hours(make_exchange("NFO"))
    return make_instrument("NIFTY", kind="index")


def make_strike(nifty: Instrument, strike: int = 24000) -> list[Instrument]:
    return [
        make_instrument(
            f"NIFTY{strike}{side}",
            "NFO",
            kind="option",
            underlying=nifty,
            expires_on=EXPIRY,
            strike=strike,
            option_type=side,
        )
        for side in ("CE", "PE")
    ]


def save_strike(call: Instrument, minute: int, **sides: Any) -> None:
    """Write a minute of a strike and mark it, as the ingestor does."""
    at = ist(OPEN) + datetime.timedelta(minutes=minute)
    partitions.ensure("fo_option_strike_bars", {partitions.month_of(at)})
    StrikeBar.objects.update_or_create(
        underlying_id=call.underlying_id,
        expires_on=EXPIRY,
        opened_at=at,
        strike=call.strike or 0,
        defaults=sides,
    )
    DirtyBucket.objects.mark(call.pk, [at])


def assert_right(*options: Instrument) -> None:
    found = list(verify_all(options, Span()))
    assert [one for compared in found for one in compared.differences] == []
    assert sum(compared.bars for compared in found) > 0


def test_every_column_of_a_side_has_its_rule():
    columns = {
        field.column
        for field in StrikeBar._meta.concrete_fields
        if field.column.startswith(("call_", "put_"))
    }

    assert columns == set(COLUMNS)
    assert {f"call_{name}" for name in SIDE_COLUMNS} == {
        name for name in columns if name.startswith("call_")
    }


def test_volume_is_summed_and_the_rest_is_the_last(nifty: Instrument):
    call, put = make_strike(nifty)
    save_strike(call, 0, call_close=10.0, call_volume=5, call_open_interest=70)
    save_strike(call, 1, call_close=12.5, call_volume=7, call_open_interest=90)

    roll_up()

    bar = IntradayStrikeBar.objects.get(minutes=5)
    assert (bar.call_close, bar.call_volume, bar.call_open_interest) == (12.5, 12, 90)
    assert (bar.put_close, bar.put_volume, bar.put_open_interest) == (None, None, None)
    assert bar.strike == Decimal(24000)
    units = LongerStrikeBar.objects.order_by("unit").values_list("unit", "call_volume")
    assert list(units) == [("day", 12), ("month", 12), ("week", 12)]
    assert_right(call, put)


def test_an_iv_without_solution_is_passed_over_with_its_greeks(nifty: Instrument):
    call, put = make_strike(nifty)
    save_strike(call, 0, call_close=10.0, call_iv=0.2, call_delta=0.5, call_vega=9.0)
    save_strike(call, 1, call_close=11.0, call_iv=None, call_delta=1.0)

    roll_up()

    bar = IntradayStrikeBar.objects.get(minutes=2)
    assert (bar.call_close, bar.call_iv) == (11.0, 0.2)
    assert (bar.call_delta, bar.call_vega) == (0.5, 9.0)
    assert_right(call, put)


def test_an_empty_side_of_the_last_book_stays_empty(nifty: Instrument):
    call, put = make_strike(nifty)
    book = {"put_bid": 9.0, "put_bid_quantity": 50, "put_ask": 9.5}
    save_strike(put, 0, **book, put_ask_quantity=25)
    save_strike(
        put, 1, put_bid=None, put_bid_quantity=0, put_ask=8.0, put_ask_quantity=75
    )
    save_strike(put, 2, put_close=8.5)

    roll_up()

    bar = IntradayStrikeBar.objects.get(minutes=3)
    assert (bar.put_bid, bar.put_bid_quantity) == (None, 0)
    assert (bar.put_ask, bar.put_ask_quantity) == (8.0, 75)
    assert_right(call, put)


def test_a_late_put_changes_only_the_bars_that_hold_its_minute(nifty: Instrument):
    call, put = make_strike(nifty)
    for minute in range(20):
        save_strike(call, minute, call_close=float(minute), call_volume=1)
    roll_up()
    save_strike(put, 7, put_close=3.0, put_volume=4)

    rolled = roll_up()

    assert rolled.written == 10
    assert IntradayStrikeBar.objects.filter(put_volume=4).count() == 7
    assert_right(call, put)


@pytest.mark.parametrize("seed", [1, 2])
def test_whole_chains_agree_with_the_rebuild(nifty: Instrument, seed: int):
    chance = random.Random(seed)
    strikes = [make_strike(nifty, strike) for strike in (23900, 24000, 24100)]
    for _ in range(200):
        call, put = chance.choice(strikes)
        name, option = chance.choice([("call", call), ("put", put)])
        values = {
            column: chance.choice([None, round(chance.uniform(0.1, 9), 2)])
            for column in ("close", "iv", "delta", "gamma", "theta", "vega", "bid")
        } | {
            column: chance.choice([None, chance.randrange(100)])
            for column in ("volume", "open_interest", "bid_quantity", "ask_quantity")
        }
        sides = {f"{name}_{column}": value for column, value in values.items()}
        save_strike(option, chance.randrange(2 * 1440), **sides)
        if chance.random() < 0.1:
            roll_up(batch=3)

    roll_up()

    assert_right(*(option for pair in strikes for option in pair))
