"""Past candles over HTTP, in the ticker service's shape."""

import asyncio
import datetime as dt
import math
from typing import Any

from marketdata.simulator import history
from marketdata.simulator.candles import MINUTE_S, Candle
from marketdata.simulator.contracts import IST
from marketdata.simulator.http.messages import ApiError, Request, Response, answer
from marketdata.simulator.simulation import Simulation
from marketdata.simulator.universe import Contract

_MOST_DAYS = 60
_DAY_S = 86_400
_TRUE = ("1", "true", "True")


async def candles(simulation: Simulation, request: Request) -> Response:
    """Answer minute candles, both ends meant; the forming minute is left out."""
    contract = simulation.prices.contract(request.whole("instrument_token"))
    start, end = _range(request)
    with_interest = request.text("oi", "0") in _TRUE
    found: list[dict[str, Any]] = []
    at = start
    while at <= end:
        # A day at a time, so that the market goes on meanwhile.
        upto = min(at + _DAY_S - MINUTE_S, end)
        found.extend(
            _row(simulation, contract, candle, with_interest)
            for candle in history.between(simulation.prices, contract, at, upto)
        )
        at += _DAY_S
        await asyncio.sleep(0)
    return answer(
        {
            "instrument_token": contract.token,
            "symbol": contract.underlying,
            "tradingsymbol": contract.symbol,
            "segment": contract.segment,
            "interval": "minute",
            "from_ts": int(start),
            "to_ts": int(end),
            "candles": found,
        }
    )


def _range(request: Request) -> tuple[float, float]:
    if request.text("interval", "minute") not in ("minute", "1minute", "1"):
        raise ApiError("invalid interval: only minute candles are kept")
    start, end = _time(request, "from_ts"), _time(request, "to_ts")
    if start > end:
        raise ApiError("invalid from date: it is after the to date")
    if end - start > _MOST_DAYS * _DAY_S:
        raise ApiError(f"interval exceeds max limit: {_MOST_DAYS} days")
    return -(-start // MINUTE_S) * MINUTE_S, end


def _time(request: Request, name: str) -> float:
    """Return an instant, given in epoch seconds or in ISO form (then IST if bare)."""
    text = request.text(name)
    try:
        seconds = float(text)
    except ValueError:
        seconds = _iso_time(name, text)
    if not math.isfinite(seconds) or not 0 <= seconds < 2**33:
        raise ApiError(f"invalid {name}")
    return seconds


def _iso_time(name: str, text: str) -> float:
    try:
        moment = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        raise ApiError(f"invalid {name}: neither seconds nor ISO time") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=IST)).timestamp()


def _row(
    simulation: Simulation,
    contract: Contract,
    candle: Candle,
    with_interest: bool,  # noqa: FBT001 - the caller's own query
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "date": dt.datetime.fromtimestamp(candle.opened_at, IST).isoformat(),
        "open": candle.open,
        "high": candle.high,
        "low": candle.low,
        "close": candle.close,
        "volume": candle.volume,
    }
    if with_interest:
        row["oi"] = candle.open_interest
    if contract.expires_on is not None and not simulation.prices.is_replay:
        _add_valuation(row, simulation, contract, candle)
    return row


def _add_valuation(
    row: dict[str, Any], simulation: Simulation, contract: Contract, candle: Candle
) -> None:
    market = simulation.prices.market
    last_at = candle.opened_at + MINUTE_S - 0.25
    row["underlying"] = round(market.spot(contract.underlying, last_at), 2)
    if contract.kind != "option":
        return
    solved = history.valuation(market, contract, candle)
    volatility, greeks = solved or (None, None)
    row["iv"] = volatility and round(volatility, 6)
    for name in ("delta", "gamma", "theta", "vega"):
        row[name] = greeks and round(getattr(greeks, name), 9)
