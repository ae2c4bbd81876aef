"""Payoffs of the usual strategies, with numbers anyone can check."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata import payoff
from marketdata.payoff import Kind, Leg

SPOT = 100.0
SPOTS = np.linspace(80, 120, 5)


def leg(kind: str, strike: float, quantity: int, price: float, **fields: float) -> Leg:
    given = {"years": 0.02, "forward": SPOT, "volatility": 0.2} | fields
    return Leg(Kind(kind), quantity, price, strike=strike, **given)


def profile(*legs: Leg) -> payoff.Profile:
    return payoff.at_expiry(legs, spot=SPOT, spots=SPOTS)


def test_a_bought_call_loses_its_premium_and_wins_without_limit():
    found = profile(leg("CE", 100, 50, 4.0))

    assert found.profits.tolist() == [-200, -200, -200, 300, 800]
    assert found.break_evens == [104]
    assert (found.max_profit, found.max_loss) == (None, -200)
    assert found.slope > 0
    assert found.risk_reward is None


def test_a_sold_put_risks_the_whole_strike():
    found = profile(leg("PE", 100, -50, 3.0))

    assert found.break_evens == [97]
    assert (found.max_profit, found.max_loss) == (150, -4850)


def test_a_short_straddle_has_two_break_evens_and_no_floor():
    found = profile(leg("CE", 100, -50, 4.0), leg("PE", 100, -50, 3.0))

    assert found.break_evens == [93, 107]
    assert (found.max_profit, found.max_loss) == (350, None)


def test_an_iron_condor_is_bounded_on_both_sides():
    found = profile(
        leg("PE", 90, 50, 0.5),
        leg("PE", 95, -50, 1.5),
        leg("CE", 105, -50, 1.4),
        leg("CE", 110, 50, 0.4),
    )

    assert found.break_evens == pytest.approx([93, 107])
    assert (found.max_profit, found.max_loss) == pytest.approx((100, -150))
    assert found.risk_reward == pytest.approx(2 / 3)


def test_a_future_covered_by_a_sold_call():
    found = profile(leg("FUT", 0, 50, 100.0), leg("CE", 105, -50, 2.0))

    assert found.break_evens == [98]
    assert (found.max_profit, found.max_loss) == (350, -4900)


def test_a_break_even_far_above_every_strike_is_found():
    """A hundred calls for 300 each are paid back at 400."""
    assert profile(leg("CE", 100, 1, 300.0)).break_evens == [400]


def test_a_leg_that_lives_longer_keeps_its_time_value():
    near, far = leg("CE", 100, -50, 2.0), leg("CE", 100, 50, 4.0, years=0.1)
    found = profile(near, far)

    assert not found.is_exact
    # At the strike the near call is worthless and the far one is not.
    assert found.profits[2] > -50 * 2.0
    assert len(found.break_evens) == 2


def test_before_expiry_a_leg_is_worth_its_model_price():
    bought = leg("CE", 100, 1, 0.0)
    now = payoff.profits([bought], SPOTS, spot=SPOT)
    later = payoff.profits([bought], SPOTS, spot=SPOT, years_on=0.02)

    assert (now > later).sum() >= 3
    assert later.tolist() == [0, 0, 0, 10, 20]


def test_a_rise_of_volatility_helps_who_bought():
    bought = leg("PE", 100, 1, 0.0)
    calm = payoff.profits([bought], SPOTS, spot=SPOT)
    wild = payoff.profits([bought], SPOTS, spot=SPOT, volatility_shift=0.1)

    assert (wild >= calm).all()
    assert wild[2] > calm[2]


def test_a_value_that_needs_an_unknown_volatility_is_unknown():
    nameless = Leg(Kind.CALL, 1, 2.0, years=0.02, forward=SPOT, strike=100)

    assert np.isnan(payoff.profits([nameless], SPOTS, spot=SPOT)).all()
    # At expiry none is needed.
    assert profile(nameless).max_loss == -2


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["CE", "PE", "FUT"]),
            st.integers(60, 140),
            st.integers(-5, 5).filter(bool),
            st.integers(0, 20),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_bounds_and_break_evens_hold_wherever_one_looks(
    rows: list[tuple[str, int, int, int]],
):
    legs = [leg(kind, strike, count, price) for kind, strike, count, price in rows]
    found = profile(*legs)
    looked = np.linspace(0, 600, 2401)
    profits = payoff.profits(legs, looked, spot=SPOT, years_on=0.02)

    if found.max_profit is not None:
        assert profits.max() <= found.max_profit + 1e-9
    if found.max_loss is not None:
        assert profits.min() >= found.max_loss - 1e-9
    at = np.array(found.break_evens)
    assert payoff.profits(legs, at, spot=SPOT, years_on=0.02) == pytest.approx(
        np.zeros_like(at), abs=1e-2
    )
    crossings = np.flatnonzero(profits[:-1] * profits[1:] < 0)
    for place in crossings:
        assert ((at >= looked[place]) & (at <= looked[place + 1])).any()
