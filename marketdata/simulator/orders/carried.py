"""What the demo's clients hold from yesterday: a future, and an iron condor.

Accounts whose id begins with ``DEMO`` open with them, so that a portfolio has
something to show before the first order. Prices come from the market's own past.
"""

from collections.abc import Iterable

from marketdata.simulator.contracts import day_number, day_opened
from marketdata.simulator.orders.positions import Position
from marketdata.simulator.prices import Prices
from marketdata.simulator.universe import Contract

PREFIX = "DEMO"
_UNDERLYING = "NIFTY"
# Bought or sold so long before yesterday's end.
_ENTERED_BEFORE_S = 20 * 3600
_FUTURE_LOTS = 2
# How far from the middle strike, which right, and how many lots.
_CONDOR = ((400, "CE", -3), (600, "CE", 3), (-400, "PE", -3), (-600, "PE", 3))


def carried(account_id: str, prices: Prices) -> list[Position]:
    """Return the positions with which ``account_id`` opens; of most, none."""
    if prices.is_replay or not account_id.startswith(PREFIX):
        return []
    closed_at = day_opened(day_number(prices.now())) - 1
    return [
        _held(prices, contract, lots * contract.lot_size, closed_at)
        for contract, lots in _chosen(prices.universe().contracts)
    ]


def _chosen(contracts: Iterable[Contract]) -> list[tuple[Contract, int]]:
    listed = [one for one in contracts if one.underlying == _UNDERLYING]
    futures = [one for one in listed if one.kind == "future"]
    options = [one for one in listed if one.kind == "option"]
    # The second expiries: the first may be over in an hour.
    expiry = sorted({one.expires_on for one in options if one.expires_on})[1]
    chain = [one for one in options if one.expires_on == expiry]
    strikes = sorted({one.strike for one in chain})
    middle = strikes[len(strikes) // 2]
    by_name = {(one.strike, one.option_type): one for one in chain}
    legs = [
        (by_name[middle + distance, right], lots) for distance, right, lots in _CONDOR
    ]
    return [(futures[1], _FUTURE_LOTS), *legs]


def _held(
    prices: Prices, contract: Contract, quantity: int, closed_at: float
) -> Position:
    entry = prices.market.price(contract, closed_at - _ENTERED_BEFORE_S)
    position = Position(
        contract=contract,
        product="NRML",
        overnight_quantity=quantity,
        close_price=prices.market.price(contract, closed_at),
    )
    position.apply(quantity, entry)
    position.overnight_value = -quantity * entry
    return position
