"""PCR, max pain, forward and volatility of real chains, and the rules behind them."""

import numpy as np
import pytest

from marketdata import smile, strikes
from tests.marketdata.chains import (
    Line,
    columns,
    dhan_chain,
    kite_chain,
    needs_recordings,
    shared_json,
)


def numbers(lines: list[Line]) -> tuple[float | None, float | None, float]:
    prices, _, _, call_oi, put_oi, call_volume, put_volume = columns(lines)
    return (
        strikes.put_call_ratio(call_oi.sum(), put_oi.sum()),
        strikes.put_call_ratio(call_volume.sum(), put_volume.sum()),
        float(strikes.max_pain(prices, call_oi, put_oi)),
    )


@needs_recordings
def test_the_closing_chain_of_an_expiry_day():
    _, lines = dhan_chain()

    pcr, pcr_volume, pain = numbers(lines)

    assert sum(line.put.open_interest for line in lines) == 154_131_075
    assert sum(line.call.open_interest for line in lines) == 134_784_000
    assert pcr == pytest.approx(1.143541, abs=5e-7)
    assert pcr_volume == pytest.approx(1.016130, abs=5e-7)
    assert pain == 26_200


@needs_recordings
@pytest.mark.parametrize(
    ("time", "pcr", "pain"),
    [("10-23", 0.9043, 25_600), ("12-28", 1.0303, 25_750), ("15-48", 0.9212, 25_700)],
)
def test_an_expiry_day_as_it_went(time: str, pcr: float, pain: float):
    _, lines = kite_chain(time)

    found, _, strike = numbers(lines)

    assert found == pytest.approx(pcr, abs=5e-5)
    assert strike == pain


@needs_recordings
def test_the_forward_of_an_expiry_day_by_parity():
    _, lines = kite_chain("10-23")
    prices, calls, puts, *_ = columns(lines)

    found = smile.parity(prices, calls, puts)

    assert found is not None
    assert found.forward == pytest.approx(25_762, abs=0.5)
    assert found.strike == 25_750
    assert found.straddle == pytest.approx(113.05 + 100.9)


@needs_recordings
def test_the_forward_is_not_the_spot():
    chain = shared_json("options/nifty_26may26_quantlib_black76.json")
    by_strike: dict[float, dict[str, float]] = {}
    for row in chain["rows"]:
        by_strike.setdefault(row["strike"], {})[row["type"]] = row["price"]
    prices = np.array(sorted(by_strike))
    calls, puts = (
        np.array([by_strike[price][side] for price in prices], dtype=float)
        for side in ("CE", "PE")
    )

    found = smile.parity(prices, calls, puts)

    assert found is not None
    assert found.forward == pytest.approx(23_700.1, abs=1e-9)


# --- rules, on chains small enough to count by hand --------------------------------

STRIKES = np.array([90.0, 100.0, 110.0])


def test_max_pain_pays_calls_below_and_puts_above():
    """At 100: 10 calls of 90 are paid 10 each, 5 puts of 110 are paid 10 each."""
    calls, puts = np.array([10.0, 0.0, 0.0]), np.array([0.0, 0.0, 5.0])

    # At 90 the puts are paid 100, at 100 it is 150, at 110 the calls are paid 200.
    assert strikes.max_pain(STRIKES, calls, puts) == 90


def test_max_pain_of_many_chains_at_once():
    calls = np.array([[10.0, 0, 0], [0, 0, 10.0], [0, 0, 0]])
    puts = np.array([[0, 0, 5.0], [0, 0, 50.0], [0, 0, 0]])

    found = strikes.max_pain(STRIKES, calls, puts)

    assert found[:2].tolist() == [90, 110]
    assert np.isnan(found[2])


def test_a_ratio_without_calls_is_unknown():
    assert strikes.put_call_ratio(0, 5) is None
    assert strikes.put_call_ratio(4, 5) == 1.25


def test_one_stale_price_at_the_money_moves_no_forward():
    prices = np.arange(90.0, 111.0, 2.0)
    # A true forward of 101; the put of 100 is left over from another market.
    calls = np.maximum(101 - prices, 0) + 3
    puts = np.maximum(prices - 101, 0) + 3
    puts[5] = 4.0

    found = smile.parity(prices, calls, puts)

    assert found is not None
    assert found.forward == pytest.approx(101)


def test_without_a_strike_that_has_both_prices_there_is_no_forward():
    unknown = np.full(3, np.nan)

    assert smile.parity(STRIKES, np.array([5.0, np.nan, 1.0]), unknown) is None
    assert smile.parity(STRIKES, np.zeros(3), np.ones(3)) is None


def test_the_volatility_at_the_forward_lies_between_its_strikes():
    volatility = np.array([0.2, 0.1, 0.3])

    assert smile.at_the_money(STRIKES, volatility, 105) == pytest.approx(0.2)
    assert smile.at_the_money(STRIKES, volatility, 120) is None
    assert smile.at_the_money(STRIKES, np.full(3, np.nan), 100) is None


def test_a_side_without_volatility_does_not_count_as_zero():
    call, put = np.array([0.1, np.nan, np.nan]), np.array([0.3, 0.2, np.nan])

    found = smile.strike_volatility(call, put)

    assert found[:2].tolist() == pytest.approx([0.2, 0.2])
    assert np.isnan(found[2])


def test_skew_is_the_put_wing_over_the_call_wing():
    call_delta, call_iv = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.12, 0.14])
    put_delta, put_iv = np.array([-0.2, -0.3, -0.5]), np.array([0.2, 0.16, 0.1])

    found = smile.skew(call_delta, call_iv, put_delta, put_iv)

    assert found == pytest.approx(0.18 - 0.13)
    assert smile.skew(call_delta[:1], call_iv[:1], put_delta, put_iv) is None


def test_the_expected_move_is_one_deviation_of_what_is_left():
    assert smile.expected_move(24_000, 0.16, 0.25) == pytest.approx(1920)
    assert smile.expected_move(24_000, 0.16, 0.0) is None
