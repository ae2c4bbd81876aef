"""Hold the contest of options: how many a second, on one core, and how exact.

The chain is NIFTY-like, 1,000 options out of the money within five deviations, prices
made of known volatilities. It leaves the servers of ``ground`` alone; product and peer
take turns.
"""

import os
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from bench import report
from bench.ground import Ground
from bench.machine import Machine, waited_seconds
from bench.options import scalar
from bench.report import Figure
from marketdata import greeks

OPTIONS = 1_000
FORWARD, YEARS = 24_000.0, 7 / 365
TARGET = 1_800_000.0
LARGEST_ERROR = 1e-12
TURN_S = 1.0
_WHAT = "IV and five greeks"

Array = npt.NDArray[np.float64]


def run(ground: Ground, machine: Machine, rounds: int) -> list[Figure]:
    """Measure ``rounds`` rounds; the product first, then its peer, in each."""
    if machine.is_pinned:
        machine.give_measured_core(os.getpid())
    terms, volatility = _chain()
    prices = greeks.price(volatility, terms)
    _check(prices, terms, volatility)
    strikes, sides = (
        np.asarray(terms.strike).tolist(),
        np.asarray(terms.is_call).tolist(),
    )
    plain = prices.tolist()

    def product() -> object:
        return greeks.implied(prices, terms)

    def peer() -> object:
        return scalar.chain(plain, FORWARD, strikes, YEARS, sides)

    turns = [(_rate(product), _rate(peer)) for _ in range(rounds)]
    ours, theirs = ([turn[place] for turn in turns] for place in (0, 1))
    machine.take_other_cores()
    waited = waited_seconds() / (2 * TURN_S * rounds)
    report.progress(f"options: core held by others {waited:.0%} of the time")
    return [
        Figure(_WHAT, tuple(ours), "options/s", f"n = {OPTIONS}", TARGET),
        Figure(f"{_WHAT}, one at a time", tuple(theirs), "options/s", "plain Python"),
        Figure(f"{_WHAT}, ratio", report.ratios(ours, theirs), "x", "same round"),
    ]


def _chain() -> tuple[greeks.Terms, Array]:
    random = np.random.default_rng(20261123)
    deviations = random.uniform(-5, 5, OPTIONS)
    volatility = random.uniform(0.1, 0.3, OPTIONS)
    strikes = FORWARD * np.exp(deviations * volatility * np.sqrt(YEARS))
    return greeks.Terms(FORWARD, strikes, YEARS, strikes > FORWARD), volatility


def _check(prices: Array, terms: greeks.Terms, volatility: Array) -> None:
    """Refuse to measure what is not exact."""
    error = float(np.abs(greeks.implied(prices, terms).volatility - volatility).max())
    if not error <= LARGEST_ERROR:
        raise AssertionError(f"A volatility is wrong by {error:g}.")


def _rate(value_chain: Callable[[], object]) -> float:
    """Return options a second of CPU: what others do on the core does not count."""
    started, used, count = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - started < TURN_S:
        value_chain()
        count += 1
    return count * OPTIONS / (time.process_time() - used)
