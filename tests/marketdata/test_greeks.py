"""Volatility and greeks: against QuantLib, against 70 digits, and at the edges."""

import itertools
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata import greeks
from marketdata.greeks import Terms
from tests.marketdata.chains import SHARED, shared_json

EPSILON = float(np.finfo(float).eps)
needs_references = pytest.mark.skipif(
    not (SHARED / "options" / "black_scholes_reference_quantlib.json").exists(),
    reason="the reference values are not here (TRADINGSITE_SHARED_DATA)",
)


# --- seventy digits -------------------------------------------------------------


TWO_PI = 2 * Decimal(
    "3.1415926535897932384626433832795028841971693993751058209749445923078164062862"
)


def exact_normal(x: Decimal) -> Decimal:
    """The normal distribution up to ``x``: a power series, far out a fraction."""
    density = (-x * x / 2).exp() / TWO_PI.sqrt()
    if abs(x) > 6:
        denominator = abs(x)
        for depth in range(400, 0, -1):
            denominator = abs(x) + depth / denominator
        beyond = density / denominator
        return 1 - beyond if x > 0 else beyond
    term = total = x
    number = 1
    while abs(term) > Decimal("1e-75"):
        term *= x * x / (2 * number + 1)
        total += term
        number += 1
    return Decimal("0.5") + total * density


def exact_price(
    forward: float, strike: float, years: float, volatility: float, *, is_call: bool
) -> Decimal:
    """Black's price of exactly these floats, undiscounted, in seventy digits."""
    with localcontext() as context:
        context.prec = 90
        level, at, sigma = Decimal(forward), Decimal(strike), Decimal(volatility)
        spread = sigma * Decimal(years).sqrt()
        first = (level / at).ln() / spread + spread / 2
        second = first - spread
        if is_call:
            return level * exact_normal(first) - at * exact_normal(second)
        return at * exact_normal(-second) - level * exact_normal(-first)


def conditioning(
    price: float, forward: float, strike: float, years: float, volatility: float
) -> float:
    """How far one last digit of the price moves the volatility."""
    terms = Terms(forward, strike, years, True)
    vega = float(greeks.value(volatility, terms).vega[0]) * 100
    return EPSILON * price / vega


GRID = list(
    itertools.product(
        (0.25, 0.6, 0.9, 0.99, 0.9999, 1.0, 1.0001, 1.02, 1.1, 1.5, 4.0),
        (0.05, 0.12, 0.35, 1.2),
        (1 / 365 / 24, 1 / 365, 7 / 365, 90 / 365, 2.0),
        (True, False),
    )
)


def test_the_volatility_is_found_to_the_last_digit_everywhere():
    """Wings of 1e-280, deep in the money, an hour and two years: one grid."""
    solved, skipped = 0, 0
    for moneyness, volatility, years, is_call in GRID:
        forward, strike = 24_000.0, 24_000.0 * moneyness
        price = float(exact_price(forward, strike, years, volatility, is_call=is_call))
        found = greeks.implied(price, Terms(forward, strike, years, is_call))
        if np.isnan(found.volatility[0]):
            skipped += 1
            continue
        error = abs(found.volatility[0] - volatility)
        bound = conditioning(price, forward, strike, years, volatility)
        # Half a digit is lost in writing the price; a few more in the arithmetic.
        assert error <= max(1e-12, 4 * bound), (moneyness, volatility, years, is_call)
        solved += 1

    assert solved > 250
    assert solved + skipped == len(GRID)


def test_a_solved_volatility_reprices_to_a_few_last_digits():
    for moneyness, volatility, years, is_call in GRID:
        forward, strike = 24_000.0, 24_000.0 * moneyness
        price = float(exact_price(forward, strike, years, volatility, is_call=is_call))
        terms = Terms(forward, strike, years, is_call)
        found = float(greeks.implied(price, terms).volatility[0])
        if np.isnan(found):
            continue
        again = float(exact_price(forward, strike, years, found, is_call=is_call))
        # The volatility itself is a float: its last digit moves the price so much.
        vega = float(greeks.value(found, terms).vega[0]) * 100
        digits = 4 * EPSILON * price + 4 * EPSILON * found * vega
        assert abs(again - price) <= digits, (moneyness, volatility, years, is_call)


def test_none_is_told_where_the_price_has_lost_its_vega():
    for moneyness, volatility, years, is_call in GRID:
        forward, strike = 24_000.0, 24_000.0 * moneyness
        price = float(exact_price(forward, strike, years, volatility, is_call=is_call))
        found = greeks.implied(price, Terms(forward, strike, years, is_call))
        if not np.isnan(found.volatility[0]):
            continue
        intrinsic = max(forward - strike if is_call else strike - forward, 0.0)
        has_vega = price - intrinsic > 1e-10 * price and price > 1e-290
        assert not has_vega, (moneyness, volatility, years, is_call)


@given(
    log_moneyness=st.floats(-0.5, 0.5),
    volatility=st.floats(0.03, 3.0),
    years=st.floats(1 / 365 / 24, 3.0),
    is_call=st.booleans(),
)
def test_price_and_volatility_are_inverse(
    log_moneyness: float, volatility: float, years: float, is_call: bool
):
    terms = Terms(24_000.0, 24_000.0 * np.exp(log_moneyness), years, is_call, 0.065)
    price = greeks.price(volatility, terms)
    found = greeks.implied(price, terms)

    if not np.isnan(found.volatility[0]):
        bound = EPSILON * price[0] / (found.vega[0] * 100)
        # Both the price and its inverse round.
        assert abs(found.volatility[0] - volatility) <= max(1e-12, 16 * bound)


@given(
    volatility=st.floats(0.05, 1.0),
    years=st.floats(0.01, 2.0),
    strike=st.floats(18_000, 30_000),
)
def test_calls_and_puts_keep_parity(volatility: float, years: float, strike: float):
    call, put = (
        greeks.value(volatility, Terms(24_000.0, strike, years, is_call, 0.07))
        for is_call in (True, False)
    )
    discount = np.exp(-0.07 * years)

    assert call.price - put.price == pytest.approx(
        discount * (24_000 - strike), abs=1e-9
    )
    assert call.delta - put.delta == pytest.approx(discount, abs=1e-12)
    assert call.gamma == pytest.approx(put.gamma, rel=1e-12)
    assert call.vega == pytest.approx(put.vega, rel=1e-12)


# --- QuantLib -------------------------------------------------------------------


@needs_references
def test_spot_prices_and_greeks_are_quantlibs():
    for row in shared_json("options/black_scholes_reference_quantlib.json"):
        for is_call, side, letter in ((True, "call", "c"), (False, "put", "p")):
            terms = Terms(row["S"], row["K"], row["T"], is_call, row["r"], row["q"])
            found = greeks.value(row["sigma"], terms)

            assert found.price == pytest.approx(row[side], abs=1e-9)
            assert found.delta == pytest.approx(row[f"delta_{letter}"], abs=1e-9)
            assert found.gamma == pytest.approx(row["gamma"], abs=1e-9)
            assert found.vega * 100 == pytest.approx(row["vega"], abs=1e-9)
            assert found.theta * 365 == pytest.approx(row[f"theta_{letter}"], abs=1e-9)
            assert found.rho * 100 == pytest.approx(row[f"rho_{letter}"], abs=1e-9)
            again = greeks.implied(row[side], terms)
            assert again.volatility == pytest.approx(row["sigma"], abs=1e-12)


@needs_references
@pytest.mark.parametrize(
    ("level", "name"),
    [("spot", "iv_spot_as_forward"), ("synthetic_forward", "iv_synthetic_forward")],
)
def test_volatilities_of_a_real_chain_are_quantlibs(level: str, name: str):
    """QuantLib stopped at an accuracy of 1e-10 in the spread; so 1e-9 here."""
    chain = shared_json("options/nifty_26may26_quantlib_black76.json")
    for row in chain["rows"]:
        is_call = row["type"] == "CE"
        terms = Terms(chain[level], row["strike"], chain["T_years"], is_call)
        found = greeks.implied(row["price"], terms).volatility[0]

        if row[name] is None:
            assert np.isnan(found), row["symbol"]
        else:
            assert found == pytest.approx(row[name], abs=1e-9), row["symbol"]


@needs_references
def test_greeks_of_a_real_chain_are_quantlibs_at_its_volatilities():
    chain = shared_json("options/nifty_26may26_quantlib_black76.json")
    for row in chain["rows"]:
        if row["iv_synthetic_forward"] is None:
            continue
        is_call = row["type"] == "CE"
        terms = Terms(
            chain["synthetic_forward"], row["strike"], chain["T_years"], is_call
        )
        found = greeks.value(row["iv_synthetic_forward"], terms)

        assert found.delta == pytest.approx(row["delta"], abs=1e-9)
        assert found.gamma == pytest.approx(row["gamma"], abs=1e-9)
        assert found.vega == pytest.approx(row["vega_per_1pct"], abs=1e-9)
        assert found.theta == pytest.approx(row["theta_per_day"], abs=1e-9)


@needs_references
def test_volatilities_and_greeks_of_forty_live_options_are_those_of_two_libraries():
    for row in shared_json("greeks/greeks_parity_opengreeks.json")["parity"]:
        terms = Terms(row["F"], row["K"], row["t"], row["flag"] == "c", row["r"])
        found = greeks.implied(float(row["price"]), terms)

        if row["iv_pyvollib"] is None:
            assert np.isnan(found.volatility[0]), row["symbol"]
            continue
        assert found.volatility == pytest.approx(row["iv_pyvollib"], abs=1e-11)
        for name in ("delta", "gamma", "theta", "vega", "rho"):
            expected = row["greeks"][name]["pyvollib"]
            assert getattr(found, name) == pytest.approx(expected, rel=1e-8, abs=1e-10)


# --- edges ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("price", "strike", "years"),
    [
        (0.0, 24_000.0, 0.1),
        (-1.0, 24_000.0, 0.1),
        (np.nan, 24_000.0, 0.1),
        (np.inf, 24_000.0, 0.1),
        # Below intrinsic value, at it, and a hair above it.
        (999.0, 23_000.0, 0.1),
        (1000.0, 23_000.0, 0.1),
        (1000.0000000000001, 23_000.0, 0.1),
        # A call is worth less than its forward.
        (24_000.0, 24_000.0, 0.1),
        (30_000.0, 24_000.0, 0.1),
        # No time left, or none at all.
        (100.0, 24_000.0, 0.0),
        (100.0, 24_000.0, -0.1),
        (100.0, 24_000.0, np.nan),
        (100.0, 0.0, 0.1),
        (100.0, -5.0, 0.1),
    ],
)
def test_what_cannot_be_known_is_nan_and_never_zero(
    price: float, strike: float, years: float
):
    found = greeks.implied(price, Terms(24_000.0, strike, years, True))

    assert all(np.isnan(column[0]) for column in found)


def test_one_bad_option_spoils_no_other():
    prices = np.array([100.0, 0.0, 120.0])
    found = greeks.implied(prices, Terms(24_000.0, 24_000.0, 7 / 365, True))
    alone = greeks.implied(prices[2], Terms(24_000.0, 24_000.0, 7 / 365, True))

    assert np.isnan(found.volatility[1])
    assert found.volatility[2] == pytest.approx(alone.volatility[0], rel=1e-14)


def test_a_price_without_time_or_volatility_is_intrinsic():
    terms = Terms(24_000.0, 23_000.0, np.array([0.1, 0.0]), True)

    assert greeks.price(np.array([0.0, 0.2]), terms).tolist() == [1000.0, 1000.0]


def test_worthless_wings_keep_all_their_digits():
    """A strike so far out that its price has 250 zeros still tells its volatility."""
    price = exact_price(24_000.0, 60_000.0, 0.02, 0.19, is_call=True)

    assert price < Decimal("1e-200")
    found = greeks.implied(float(price), Terms(24_000.0, 60_000.0, 0.02, True))
    assert found.volatility == pytest.approx(0.19, abs=1e-14)


@pytest.mark.parametrize("price", [7.028613570420471e-300, 1e-290, 3e-303])
def test_even_the_smallest_prices_come_back(price: float):
    """In the first one a step of exactly 0 once left the answer for good."""
    terms = Terms(3823.525642992352, 27619.36499254321, 0.2134150336958489, True)
    found = greeks.implied(price, terms).volatility

    assert greeks.price(found, terms) == pytest.approx(price, rel=1e-12)


def test_a_price_below_what_a_float_can_hold_has_no_volatility():
    found = greeks.implied(1e-320, Terms(24_000.0, 24_100.0, 0.1, True))

    assert all(np.isnan(column[0]) for column in found)


RICH = list(
    itertools.product(
        (1e-9, 0.01, 0.5, 0.999999, 1.0, 1.0000001, 2.0, 300.0, 1e12),
        (3.0, 9.0, 16.0, 30.0),
        (1e-4, 0.01, 0.25, 1.0),
        (True, False),
    )
)


def assert_to_the_last_digits(volatility: float, terms: Terms, price: float) -> None:
    vega = float(greeks.value(volatility, terms).vega[0]) * 100
    digits = EPSILON * (4 * price + 4 * volatility * vega)
    assert abs(float(greeks.price(volatility, terms)[0]) - price) <= digits, terms


def test_prices_near_their_upper_bound_keep_their_last_digits():
    """Volatilities of thousands of percent: the digits are in what is missing."""
    solved = 0
    for moneyness, volatility, years, is_call in RICH:
        forward, strike = 24_000.0, 24_000.0 * moneyness
        terms = Terms(forward, strike, years, is_call)
        price = float(exact_price(forward, strike, years, volatility, is_call=is_call))
        assert_to_the_last_digits(volatility, terms, price)
        found = greeks.implied(price, terms)
        if np.isnan(found.volatility[0]):
            continue
        bound = conditioning(price, forward, strike, years, volatility)
        error = abs(found.volatility[0] - volatility)
        assert error <= max(1e-12, 2 * bound), (moneyness, volatility, years, is_call)
        solved += 1

    assert solved > 200


def test_no_price_between_its_bounds_breaks_the_search():
    random = np.random.default_rng(20261128)
    count = 20_000
    forward = 10 ** random.uniform(-3, 8, count)
    strike = forward * np.exp(random.normal(0, 10 ** random.uniform(-12, 1.5, count)))
    is_call = random.random(count) < 0.5
    terms = Terms(forward, strike, 10 ** random.uniform(-9, 2, count), is_call)
    # From a hair above intrinsic value to a hair below the bound.
    share = random.random(count) ** random.choice([1, 20, 200], count)
    share = np.where(random.random(count) < 0.3, 1 - share * 1e-3, share)
    intrinsic = np.maximum(np.where(is_call, forward - strike, strike - forward), 0)
    price = intrinsic + (np.where(is_call, forward, strike) - intrinsic) * share
    found = greeks.implied(price, terms)

    known = np.isfinite(found.volatility)
    assert np.isfinite(np.array(found)[:, known]).all()
    assert known.mean() > 0.6
    again = greeks.price(found.volatility, terms)[known]
    digits = 6 * price + 4 * found.volatility * np.nan_to_num(found.vega) * 100
    assert (np.abs(again - price[known]) <= EPSILON * digits[known]).all()


def test_a_whole_chain_is_valued_as_its_options_alone():
    random = np.random.default_rng(20261123)
    strikes = random.uniform(20_000, 28_000, 200)
    volatility = random.uniform(0.08, 0.6, 200)
    is_call = random.random(200) > 0.5
    prices = greeks.price(volatility, Terms(24_000.0, strikes, 0.05, is_call))
    found = greeks.implied(prices, Terms(24_000.0, strikes, 0.05, is_call))

    for place in range(0, 200, 7):
        terms = Terms(24_000.0, strikes[place], 0.05, bool(is_call[place]))
        alone = greeks.implied(prices[place], terms)
        np.testing.assert_allclose(
            [column[0] for column in alone],
            [column[place] for column in found],
            rtol=1e-12,
        )
