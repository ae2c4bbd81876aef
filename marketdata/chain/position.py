"""A set of legs on an underlying, filled from its chains and ready to be valued."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np

from marketdata import greeks, payoff
from marketdata.chain.contracts import ChainExpiry
from marketdata.chain.metrics import Array
from marketdata.chain.snapshot import Chain, OptionSide, snapshot
from marketdata.chain.valuing import rate
from marketdata.greeks import DAYS_A_YEAR
from marketdata.payoff import Kind, Leg, Profile


class UnpricedLegError(ValueError):
    """A leg for which neither the asker nor the chain has what is needed."""

    def __init__(self, place: int, field: str, why: str) -> None:
        super().__init__(why)
        self.place, self.field = place, field


@dataclass(frozen=True, slots=True)
class LegAsked:
    """A leg as somebody thinks of it."""

    kind: Kind
    expiry: ChainExpiry
    quantity: int
    strike: float | None = None
    price: float | None = None
    iv: float | None = None


@dataclass(frozen=True, slots=True)
class PositionLeg:
    """A leg with its price, its volatility and its greeks, those of the whole leg."""

    asked: LegAsked
    leg: Leg
    last_price: float | None
    delta: float | None
    gamma: float | None
    theta: float | None
    vega: float | None

    @property
    def expires_on(self) -> date:
        return self.asked.expiry.expires_on


@dataclass(frozen=True, slots=True)
class Position:
    """Legs on one underlying at an instant."""

    spot: float
    observed_at: datetime | None
    legs: list[PositionLeg]

    @property
    def plain(self) -> list[Leg]:
        return [leg.leg for leg in self.legs]

    @property
    def net_premium(self) -> float:
        """Return what the options cost together; negative is received."""
        options = [leg for leg in self.plain if leg.kind is not Kind.FUTURE]
        return sum(leg.quantity * leg.entry_price for leg in options)

    def total(self, greek: str) -> float | None:
        """Return a greek of the whole; None when that of a leg is unknown."""
        parts = [getattr(leg, greek) for leg in self.legs]
        return None if None in parts else float(sum(parts))

    def profile(self, spots: Array) -> Profile:
        return payoff.at_expiry(self.plain, spot=self.spot, spots=spots)

    def profits(
        self, spots: Array, *, days: float = 0.0, volatility_shift: float = 0.0
    ) -> Array:
        return payoff.profits(
            self.plain,
            spots,
            spot=self.spot,
            years_on=days / DAYS_A_YEAR,
            volatility_shift=volatility_shift,
        )

    def around(self, percent: float, points: int) -> Array:
        """Return an even row of prices around the spot."""
        reach = percent / 100
        return np.linspace(self.spot * (1 - reach), self.spot * (1 + reach), points)


def position(legs: Sequence[LegAsked], at: datetime | None = None) -> Position:
    """Fill ``legs`` from the chains of their expiries; raise UnpricedLegError."""
    chains = {
        expiry.expires_on: snapshot(expiry, at)
        for expiry in {leg.expiry.expires_on: leg.expiry for leg in legs}.values()
    }
    nearest = chains[min(chains)]
    spot = nearest.metrics.spot or nearest.metrics.forward
    if spot is None:
        raise UnpricedLegError(0, "expiry", "The chain has no prices at that instant.")
    filled = [
        _filled(place, leg, chains[leg.expiry.expires_on], spot)
        for place, leg in enumerate(legs)
    ]
    return Position(spot, nearest.observed_at, filled)


def _filled(place: int, asked: LegAsked, chain: Chain, spot: float) -> PositionLeg:
    forward = chain.metrics.forward or spot
    side = _side_of(place, asked, chain)
    last = side.price if side else forward if asked.kind is Kind.FUTURE else None
    price = last if asked.price is None else asked.price
    if price is None:
        raise UnpricedLegError(place, "price", "The chain has no price of it.")
    leg = Leg(
        kind=asked.kind,
        quantity=asked.quantity,
        entry_price=price,
        years=chain.metrics.years,
        forward=forward,
        strike=asked.strike or 0.0,
        volatility=asked.iv or (side.iv if side else None),
        rate=rate(),
    )
    return PositionLeg(asked, leg, last, **_greeks(leg))


def _side_of(place: int, asked: LegAsked, chain: Chain) -> OptionSide | None:
    if asked.kind is Kind.FUTURE:
        return None
    for row in chain.strikes:
        if row.strike == asked.strike:
            return row.call if asked.kind is Kind.CALL else row.put
    raise UnpricedLegError(place, "strike", "That strike is not listed.")


def _greeks(leg: Leg) -> dict[str, Any]:
    """Return the greeks of the whole leg; those of a future are its quantity."""
    names = ("delta", "gamma", "theta", "vega")
    if leg.kind is Kind.FUTURE:
        return dict(zip(names, (float(leg.quantity), 0.0, 0.0, 0.0), strict=True))
    if leg.volatility is None:
        return dict.fromkeys(names)
    is_call = leg.kind is Kind.CALL
    terms = greeks.Terms(leg.forward, leg.strike, leg.years, is_call, leg.rate)
    found = greeks.value(leg.volatility, terms)
    values = _known(float(getattr(found, name)[0]) for name in names)
    return {
        name: None if value is None else value * leg.quantity
        for name, value in zip(names, values, strict=True)
    }


def _known(values: Iterable[float]) -> list[float | None]:
    return [None if np.isnan(value) else value for value in values]
