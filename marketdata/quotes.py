"""The last price of each instrument: the shared cache, the last bar, or the ticker."""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
from django.conf import settings
from redis.exceptions import RedisError

from marketdata.bars import Bar
from marketdata.models import Instrument, MinuteBar
from marketdata.ticker import TickerError, ticker
from tradingsite import redis as ground

logger = logging.getLogger(__name__)

# A price older than this is history, not a quote.
KEPT_S = 24 * 3600


class Quote(msgspec.Struct, frozen=True):
    """The newest observation of an instrument, times in epoch seconds."""

    price: float
    at: float
    volume: int | None = None
    open_interest: int | None = None


@dataclass(frozen=True, slots=True)
class Keys:
    """Where quotes stand in Redis."""

    prices: str
    closed_bars: str


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Quote).decode


def keys() -> Keys:
    prefix = settings.REDIS_PREFIX
    return Keys(f"{prefix}:quotes", f"{prefix}:bars:closed")


def remember(bars: Iterable[Bar], *, closed: Iterable[Bar] = ()) -> None:
    """Keep the last prices of ``bars`` and tell which bars closed; best effort.

    A bar that an older tick corrected does not hide a newer price: the hash is
    written by the one owner of the instrument, newest bar only.
    """
    prices = {
        str(bar.instrument_id): _encode(
            Quote(bar.close, bar.last_at, bar.last_volume, bar.open_interest)
        )
        for bar in bars
    }
    over = [(bar.instrument_id, bar.opened_at) for bar in closed]
    if not prices and not over:
        return
    names = keys()
    pipeline = ground.client().pipeline(transaction=False)
    if prices:
        pipeline.hset(names.prices, mapping=dict(prices.items()))
        pipeline.expire(names.prices, KEPT_S)
    if over:
        pipeline.publish(names.closed_bars, _encode(over))
    try:
        pipeline.execute()
    except RedisError as error:
        logger.debug("Quotes were not kept: %s", error)


def last_quotes(instrument_ids: Iterable[int]) -> dict[int, Quote]:
    """Return the newest quote of each instrument that has one.

    Redis answers when it can; what it does not know comes from the newest bar, and
    what never had one from the ticker service.
    """
    wanted = set(instrument_ids)
    found = _from_cache(sorted(wanted))
    found |= _from_bars(sorted(wanted - found.keys()))
    return found | _from_ticker(sorted(wanted - found.keys()))


def _from_cache(wanted: list[int]) -> dict[int, Quote]:
    if not wanted:
        return {}
    try:
        values = ground.client().hmget(keys().prices, [str(n) for n in wanted])
    except RedisError:
        return {}
    quotes = zip(wanted, values, strict=True)
    newest = time.time() - KEPT_S
    return {
        number: quote
        for number, value in quotes
        if value and (quote := _decode(value)).at >= newest
    }


def _from_bars(wanted: list[int]) -> dict[int, Quote]:
    if not wanted:
        return {}
    rows = (
        MinuteBar.objects.filter(instrument_id__in=wanted)
        .order_by("instrument_id", "-opened_at")
        .distinct("instrument_id")
        .values_list(
            "instrument_id",
            "close",
            "opened_at",
            "last_tick_at",
            "last_volume",
            "open_interest",
        )
    )
    return {
        number: Quote(close, (last or opened).timestamp(), volume, open_interest)
        for number, close, opened, last, volume, open_interest in rows
    }


def _from_ticker(wanted: list[int]) -> dict[int, Quote]:
    if not wanted:
        return {}
    symbols = {str(one): one.pk for one in Instrument.objects.filter(pk__in=wanted)}
    try:
        prices = ticker().last_prices(symbols)
    except TickerError as error:
        logger.info("%d instruments have no last price: %s", len(symbols), error)
        return {}
    now = time.time()
    return {symbols[symbol]: Quote(price, now) for symbol, price in prices.items()}
