"""The last price and book of each instrument.

A price comes from the shared cache, else from the last bar, else from the ticker
service; a book from the cache, else from the ticker service. Where nobody knows,
there is none.
"""

import logging
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec
from django.conf import settings
from redis.exceptions import RedisError

from marketdata import depth
from marketdata.bars import Bar, time_of
from marketdata.depth import Book
from marketdata.models import Instrument, MinuteBar
from marketdata.ticker import TickerError, ticker
from tradingsite import redis as ground
from tradingsite.streaming.publishing import channel_of, payload_of

logger = logging.getLogger(__name__)

# The stream that tells of prices as they move, by instrument id.
TOPIC = "quotes"
# A price older than this is history, not a quote.
KEPT_S = 24 * 3600
# A price that nobody confirmed for so long may have moved.
STALE_AFTER_S = 10


class Freshness(StrEnum):
    """What a value that moves is worth now."""

    VALID = "valid"
    STALE = "stale"
    NO_DATA = "no_data"


class Quote(msgspec.Struct, frozen=True):
    """The newest observation of an instrument, times in epoch seconds."""

    price: float
    at: float
    volume: int | None = None
    open_interest: int | None = None


class KeptBook(msgspec.Struct, frozen=True):
    """The newest book of an instrument as its tick had it, and when that was."""

    at: float
    depth: msgspec.Raw


@dataclass(frozen=True, slots=True)
class SeenBook:
    """A book and when it stood; ``origin`` is ``ticks``, ``ticker`` or nobody."""

    book: Book
    at: float | None = None
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Keys:
    """Where quotes stand in Redis."""

    prices: str
    books: str
    closed_bars: str


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Quote).decode
_decode_book = msgspec.json.Decoder(KeptBook).decode


def freshness(at: float | None, now: datetime) -> Freshness:
    """Judge a value that was seen at the epoch second ``at``."""
    if at is None:
        return Freshness.NO_DATA
    is_recent = now.timestamp() - at <= STALE_AFTER_S
    return Freshness.VALID if is_recent else Freshness.STALE


def keys() -> Keys:
    prefix = settings.REDIS_PREFIX
    return Keys(f"{prefix}:quotes", f"{prefix}:books", f"{prefix}:bars:closed")


def remember(bars: Iterable[Bar], *, closed: Iterable[Bar] = ()) -> None:
    """Keep the last prices and books of ``bars``, tell them, and which bars closed.

    Best effort. A bar that an older tick corrected does not hide a newer price: the
    hashes are written by the one owner of the instrument, newest bar only.
    """
    bars = list(bars)
    prices = _prices_of(bars)
    over = [(bar.instrument_id, bar.opened_at) for bar in closed]
    if not prices and not over:
        return
    names = keys()
    pipeline = ground.client().pipeline(transaction=False)
    if prices:
        pipeline.hset(names.prices, mapping=dict(prices.items()))
        pipeline.expire(names.prices, KEPT_S)
        pipeline.publish(channel_of(TOPIC), _told(prices))
    if books := dict(_books_of(bars)):
        pipeline.hset(names.books, mapping=dict(books.items()))
        pipeline.expire(names.books, KEPT_S)
    if over:
        pipeline.publish(names.closed_bars, _encode(over))
    try:
        pipeline.execute()
    except RedisError as error:
        logger.debug("Quotes were not kept: %s", error)


def tell(bars: Iterable[Bar]) -> None:
    """Tell the last prices of ``bars`` to who listens now; nothing is kept."""
    prices = _prices_of(bars)
    if not prices:
        return
    try:
        ground.client().publish(channel_of(TOPIC), _told(prices))
    except RedisError as error:
        logger.debug("Quotes were not told: %s", error)


def _prices_of(bars: Iterable[Bar]) -> dict[str, bytes]:
    return {
        str(bar.instrument_id): _encode(
            Quote(bar.close, bar.last_at, bar.last_volume, bar.open_interest)
        )
        for bar in bars
    }


def _told(prices: Mapping[str, bytes]) -> bytes:
    return payload_of({key: msgspec.Raw(price) for key, price in prices.items()})


def _books_of(bars: Iterable[Bar]) -> Iterator[tuple[str, bytes]]:
    """Yield the books that came with the last ticks, as their text stood there."""
    for bar in bars:
        tick = bar.depth_tick
        if tick is None or len(tick.depth) > depth.MOST_BYTES:
            continue
        # A view would keep the whole message for as long as the bar lives.
        tick.depth = tick.depth.copy()
        yield str(bar.instrument_id), _encode(KeptBook(time_of(tick), tick.depth))


def last_book(instrument: Instrument) -> SeenBook:
    """Return the newest book of ``instrument``; an empty one when nobody knows it."""
    return _seen(instrument) or _asked(instrument) or SeenBook(Book())


def seen_books(instrument_ids: Collection[int]) -> dict[int, SeenBook]:
    """Return the books of late ticks, where the shared cache has them."""
    wanted = list(instrument_ids)
    if not wanted:
        return {}
    try:
        values = ground.client().hmget(keys().books, [str(n) for n in wanted])
    except RedisError:
        return {}
    books = zip(wanted, map(_book_in, values), strict=True)
    return {number: book for number, book in books if book}


def _seen(instrument: Instrument) -> SeenBook | None:
    return seen_books([instrument.pk]).get(instrument.pk)


def _book_in(value: bytes | str | None) -> SeenBook | None:
    if not value:
        return None
    seen = _decode_book(value)
    book = depth.read(seen.depth)
    is_recent = seen.at >= time.time() - KEPT_S
    return SeenBook(book, seen.at, "ticks") if book and is_recent else None


def _asked(instrument: Instrument) -> SeenBook | None:
    """Return the book that the ticker service has; an index has none."""
    if instrument.kind == Instrument.Kind.INDEX:
        return None
    try:
        quote = ticker().quotes([str(instrument)]).get(str(instrument))
    except TickerError as error:
        logger.info("No book of %s: %s", instrument, error)
        return None
    return SeenBook(quote.depth, quote.seen_at, "ticker") if quote else None


def last_quotes(
    instrument_ids: Iterable[int], *, ask_ticker: bool = True
) -> dict[int, Quote]:
    """Return the newest quote of each instrument that has one.

    Redis answers when it can; what it does not know comes from the newest bar, and
    what never had one from the ticker service, unless it is not to be asked.
    """
    wanted = set(instrument_ids)
    found = cached_quotes(sorted(wanted))
    found |= _from_bars(sorted(wanted - found.keys()))
    if not ask_ticker:
        return found
    return found | _from_ticker(sorted(wanted - found.keys()))


def cached_quotes(wanted: list[int]) -> dict[int, Quote]:
    """Return the quotes that the shared cache knows; none without it."""
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
