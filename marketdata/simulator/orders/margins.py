"""What an order or a portfolio must put up: a price scan, exposure, and premium.

The scan moves the underlying by up to its range, and volatility up and down, and
takes the worst loss of all legs together; so a hedge costs less than its parts.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from marketdata.simulator import pricing
from marketdata.simulator.market import RATE
from marketdata.simulator.noise import YEAR_S
from marketdata.simulator.universe import Contract

_SCAN_RANGE = 0.093
_VOLATILITY_SHIFT = 0.04
_EXPOSURE_RATE = 0.02
_INTRADAY_SHARE = 0.20
_USUAL_VOLATILITY = 0.15
_MOVES = (0, 1 / 3, -1 / 3, 2 / 3, -2 / 3, 1, -1)


class Leg(NamedTuple):
    """A signed quantity of a contract at a price."""

    contract: Contract
    quantity: int
    price: float
    product: str


@dataclass(frozen=True, slots=True)
class Margin:
    """What must be put up, by its parts."""

    span: float = 0.0
    exposure: float = 0.0
    option_premium: float = 0.0
    var: float = 0.0

    @property
    def total(self) -> float:
        return self.span + self.exposure + self.option_premium + self.var

    def payload(self, symbol: str = "", exchange: str = "") -> dict[str, Any]:
        return {
            "type": "equity" if symbol else "",
            "tradingsymbol": symbol,
            "exchange": exchange,
            "span": round(self.span, 2),
            "exposure": round(self.exposure, 2),
            "option_premium": round(self.option_premium, 2),
            "additional": 0,
            "bo": 0,
            "cash": 0,
            "var": round(self.var, 2),
            "pnl": {"realised": 0, "unrealised": 0},
            "leverage": 1,
            "total": round(self.total, 2),
        }


class MarginRules:
    """The rules at a moment: where the underlyings stand, and when it is."""

    def __init__(self, spot: Callable[[str], float], now: float) -> None:
        self._spot, self._now = spot, now

    def required(self, legs: Iterable[Leg]) -> Margin:
        """Return the margin of legs that are held together."""
        derivatives: dict[str, list[Leg]] = defaultdict(list)
        var = 0.0
        for leg in legs:
            if leg.contract.kind == "stock":
                var += _cash_margin(leg)
            else:
                derivatives[leg.contract.underlying].append(leg)
        groups = list(derivatives.values())
        return Margin(
            span=sum(self._span(group) for group in groups),
            exposure=sum(self._exposure(leg) for group in groups for leg in group),
            option_premium=sum(_premium(leg) for group in groups for leg in group),
            var=var,
        )

    def _span(self, legs: list[Leg]) -> float:
        losses = [
            sum(leg.quantity * self._loss(leg, move, shift) for leg in legs)
            for move in _MOVES
            for shift in (_VOLATILITY_SHIFT, -_VOLATILITY_SHIFT)
        ]
        options = [leg for leg in legs if leg.contract.kind == "option"]
        value = sum(leg.quantity * leg.price for leg in options)
        return max(0.0, max(0.0, *losses) - value)

    def _loss(self, leg: Leg, move: float, shift: float) -> float:
        """Return what one unit held long loses in this scenario."""
        spot = self._spot(leg.contract.underlying)
        if leg.contract.kind == "future":
            return -leg.price * _SCAN_RANGE * move
        terms = self._terms(leg.contract, spot)
        volatility = pricing.implied_volatility(terms, leg.price)
        moved = terms._replace(forward=terms.forward * (1 + _SCAN_RANGE * move))
        scanned = max((volatility or _USUAL_VOLATILITY) + shift, 0.01)
        return leg.price - pricing.price(moved, scanned)

    def _terms(self, contract: Contract, spot: float) -> pricing.Terms:
        years = max(contract.expires_at - self._now, 60.0) / YEAR_S
        return pricing.Terms(
            forward=spot * math.exp(RATE * years),
            strike=contract.strike,
            years=years,
            rate=RATE,
            is_call=contract.option_type == "CE",
        )

    def _exposure(self, leg: Leg) -> float:
        if leg.contract.kind == "future":
            return abs(leg.quantity) * leg.price * _EXPOSURE_RATE
        spot = self._spot(leg.contract.underlying)
        return max(-leg.quantity, 0) * spot * _EXPOSURE_RATE


def _cash_margin(leg: Leg) -> float:
    value = abs(leg.quantity) * leg.price
    return value * _INTRADAY_SHARE if leg.product == "MIS" else value


def _premium(leg: Leg) -> float:
    is_bought = leg.contract.kind == "option" and leg.quantity > 0
    return leg.quantity * leg.price if is_bought else 0.0
