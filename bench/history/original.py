"""The original's history endpoint: FastAPI, asyncpg, orjson, rows in Python.

Rebuilt from its review: a pool (10 to 20 here, up to 100 there), one query, a loop
over the records that skips those without prices and fills six lists.
``MIDDLEWARES=1`` adds its four; ``CACHED=1`` keeps its answers as bytes, by question,
bounded by nothing and never forgotten.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import asyncpg
import orjson
from fastapi import FastAPI, Query, Request
from fastapi.responses import JSONResponse, Response

from bench.history.original_middlewares import install

MOST_BARS = 20_000
MILLISECONDS_FROM = 10_000_000_000
BARS = """
SELECT opened_at, open, high, low, close, volume FROM original_history
 WHERE symbol = $1 AND opened_at >= to_timestamp($2) AND opened_at < to_timestamp($3)
 ORDER BY opened_at LIMIT $4
"""


@asynccontextmanager
async def _pool(application: FastAPI) -> AsyncIterator[None]:
    async with asyncpg.create_pool(
        os.environ["DATABASE_OWNER_URL"], min_size=10, max_size=20, command_timeout=60
    ) as pool:
        application.state.pool = pool
        application.state.answers = {}
        yield


class OrjsonResponse(JSONResponse):
    """What ORJSONResponse was until FastAPI took it out of use."""

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


app = FastAPI(lifespan=_pool)
if os.environ.get("MIDDLEWARES"):
    install(app)


@app.get("/history", response_class=OrjsonResponse)
async def history(
    request: Request,
    symbol: str,
    resolution: str,
    from_: Annotated[int, Query(alias="from")],
    to: int,
) -> Response:
    """Answer like the review says it did: a list per column, built row by row."""
    start, end = _seconds(from_), _seconds(to)
    asked = (symbol, resolution, start, end)
    answers: dict[Any, bytes] = request.app.state.answers
    if asked in answers:
        return Response(answers[asked], media_type="application/json")
    async with request.app.state.pool.acquire(timeout=5) as connection:
        records = await connection.fetch(BARS, symbol, start, end, MOST_BARS)
    response = OrjsonResponse(_columns(records))
    if os.environ.get("CACHED"):
        answers[asked] = bytes(response.body)
    return response


def _columns(records: list[Any]) -> dict[str, Any]:
    times: list[int] = []
    opens, highs, lows, closes, volumes = [], [], [], [], []
    for record in records:
        if record["open"] is None or record["close"] is None:
            continue
        times.append(int(record["opened_at"].timestamp()))
        opens.append(float(record["open"]))
        highs.append(float(record["high"]))
        lows.append(float(record["low"]))
        closes.append(float(record["close"]))
        volumes.append(int(record["volume"]))
    if not times:
        return {"s": "no_data"}
    return {
        "s": "ok",
        "t": times,
        "o": opens,
        "h": highs,
        "l": lows,
        "c": closes,
        "v": volumes,
    }


def _seconds(value: int) -> int:
    return value // 1000 if value > MILLISECONDS_FROM else value
