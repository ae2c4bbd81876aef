"""Market data over HTTP: health, instruments, quotes, subscriptions, faults."""

import math
import time
from dataclasses import asdict
from typing import Any

from marketdata.simulator.http.messages import CSV, ApiError, Request, Response, answer
from marketdata.simulator.quotes import quote
from marketdata.simulator.simulation import Simulation
from marketdata.simulator.universe import Contract, instruments_csv

_MOST_QUOTES = 500


async def health(simulation: Simulation, request: Request) -> Response:
    publisher = simulation.publisher
    counts = asdict(publisher.delivery.counts)
    error = publisher.delivery.last_error
    return answer(
        {
            "status": "degraded" if error else "ok",
            "environment": "replay" if simulation.prices.is_replay else "simulation",
            "ticker": {
                "running": not publisher.progress.is_finished,
                "exchange": simulation.options.exchange,
                "instruments": len(simulation.prices.universe().contracts),
                "active_subscriptions": simulation.subscriptions.active_count(),
                "stream_time": publisher.progress.stream_at,
                "made": publisher.progress.made,
                "skipped": publisher.progress.skipped,
                "uptime_s": round(time.time() - simulation.started_at, 3),
                **counts,
            },
            "dependencies": {"redis": error or "ok"},
        }
    )


async def instruments(simulation: Simulation, request: Request) -> Response:
    def price(contract: Contract) -> float:
        last = simulation.prices.price(contract)
        return 0.0 if math.isnan(last) else last

    text = instruments_csv(simulation.prices.universe(), price)
    return Response(text.encode(), content_type=CSV)


async def quotes(simulation: Simulation, request: Request) -> Response:
    """Answer full quotes; an unknown key is silently absent, as at Kite."""
    keys = request.query.get("i", [])
    if not keys:
        raise ApiError("Missing `i`")
    if len(keys) > _MOST_QUOTES:
        raise ApiError(f"At most {_MOST_QUOTES} instruments can be asked for")
    known = simulation.prices.universe().by_key
    found = {key: quote(simulation.prices, known[key]) for key in keys if key in known}
    return answer({"status": "success", "data": found})


async def subscribe(simulation: Simulation, request: Request) -> Response:
    fields = request.fields()
    contract = simulation.prices.contract(_token(fields.get("instrument_token")))
    mode = str(fields.get("requested_mode") or "FULL")
    account_id = str(fields.get("account_id") or "primary")
    row = simulation.subscriptions.add(contract, mode, account_id, time.time())
    return answer(row, 201)


async def unsubscribe(simulation: Simulation, request: Request) -> Response:
    token = _token(request.parts["token"])
    return answer(simulation.subscriptions.remove(token, time.time()))


async def subscriptions(simulation: Simulation, request: Request) -> Response:
    return answer(simulation.subscriptions.rows(request.text("status", "")))


async def set_faults(simulation: Simulation, request: Request) -> Response:
    return answer(asdict(simulation.faults.set(request.fields())))


async def clear_faults(simulation: Simulation, request: Request) -> Response:
    return answer(asdict(simulation.faults.set({})))


def _token(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise ApiError("instrument_token must be a number") from None
