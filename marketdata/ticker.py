"""The ticker service: where instruments, history and quotes are asked for.

Every call has a limit, a breaker per service and family of calls, and for reads a
second try; when the first service is left in peace, the second one of
``TICKER_URL`` is asked. Errors:

* ``TickerUnavailable`` - temporary: no answer, or a server error; try later.
* ``TickerRefused`` - the service understood and said no; trying again is no use.
"""

import datetime
import functools
import random
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import httpx
import msgspec
from django.conf import settings

from marketdata.depth import Book
from marketdata.ticks import UNREADABLE
from tradingsite.breaker import BreakerOpen, CircuitBreaker, Limits

Answer = TypeVar("Answer")

TIMEOUT = httpx.Timeout(5.0, connect=1.0)
TRIES = 2
FIRST_WAIT_S = 0.1
MOST_QUOTES = 500
_IST = ZoneInfo("Asia/Kolkata")


class TickerError(Exception):
    """Something went wrong between us and the ticker service."""


class TickerUnavailable(TickerError):  # noqa: N818 - what callers tell their users
    """The service does not answer; it may in a while."""


class TickerRefused(TickerError):  # noqa: N818 - what callers tell their users
    """The service answered that it will not."""


class Candle(msgspec.Struct, frozen=True):
    """One minute as the ticker service remembers it; ``date`` is when it opened."""

    date: datetime.datetime
    open: float
    high: float
    low: float
    close: float
    volume: int = 0
    oi: int | None = None
    iv: float | None = None
    delta: float | None = None
    gamma: float | None = None
    theta: float | None = None
    vega: float | None = None


class History(msgspec.Struct, frozen=True):
    """The answer of ``/history``."""

    candles: list[Candle]


class LastQuote(msgspec.Struct, frozen=True):
    """What we read of a quote; ``timestamp`` is written in IST, without a zone."""

    last_price: float
    depth: Book = Book()
    timestamp: datetime.datetime | None = None

    @property
    def seen_at(self) -> float | None:
        """Return when it stood, in epoch seconds."""
        if self.timestamp is None:
            return None
        is_naive = self.timestamp.tzinfo is None
        at = self.timestamp.replace(tzinfo=_IST) if is_naive else self.timestamp
        return at.timestamp()


class Quotes(msgspec.Struct, frozen=True):
    """The answer of ``/quote``: unknown instruments are silently absent."""

    data: dict[str, LastQuote]


class TickerRow(msgspec.Struct, frozen=True):
    """One subscription at the service: of everybody together, counted."""

    instrument_token: int
    requested_mode: str = ""
    subscriber_count: int = 1


class Source:
    """One address of the service, with a breaker for each family of calls."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.http = httpx.Client(base_url=self.url, timeout=TIMEOUT, trust_env=False)
        limits = Limits(
            minimum_calls=5, slow_call_s=4.0, open_s=10.0, ignored=(TickerRefused,)
        )
        self.breakers = {
            family: CircuitBreaker(f"ticker {family}", limits)
            for family in (
                *("health", "history", "instruments", "quote", "subscriptions"),
            )
        }

    def get(self, family: str, params: Any) -> bytes:
        with self.breakers[family].guard():
            return self._ask("GET", f"/{family}", params=params)

    def write(self, family: str, method: str, path: str, body: Any = None) -> bytes:
        with self.breakers[family].guard():
            return self._ask(method, path, json=body)

    def _ask(self, method: str, path: str, **content: Any) -> bytes:
        try:
            answer = self.http.request(method, path, **content)
        except httpx.HTTPError as error:
            raise TickerUnavailable(f"{path}: {type(error).__name__}") from error
        if (
            answer.status_code == httpx.codes.TOO_MANY_REQUESTS
            or answer.is_server_error
        ):
            raise TickerUnavailable(f"{path}: HTTP {answer.status_code}")
        if not answer.is_success:
            raise TickerRefused(f"{path}: HTTP {answer.status_code}")
        return answer.content


class Ticker:
    """Asks the services in order, the first that is not left in peace."""

    def __init__(self, urls: Iterable[str]) -> None:
        self._sources = [Source(url) for url in urls]

    def close(self) -> None:
        for source in self._sources:
            source.http.close()

    def health(self) -> dict[str, Any]:
        answer: dict[str, Any] = self._read("health", {}, msgspec.json.decode)
        return answer

    def instruments(self) -> str:
        """Return the list of instruments, as CSV in Kite's columns."""
        return self._read("instruments", {}, bytes.decode)

    def history(
        self, token: int, start: float, end: float, *, tries: int = TRIES
    ) -> list[Candle]:
        """Return the finished minutes that opened from ``start`` to ``end``."""
        params = {
            "instrument_token": token,
            "from_ts": int(start),
            "to_ts": int(end),
            "interval": "minute",
            "oi": 1,
        }
        decode = msgspec.json.Decoder(History).decode
        return self._read("history", params, decode, tries=tries).candles

    def subscribe(self, token: int, mode: str, account_id: str) -> None:
        """Ask for ticks of ``token``; the service counts how often it was asked."""
        body = {
            "instrument_token": token,
            "requested_mode": mode,
            "account_id": account_id,
        }
        self._write("subscriptions", "POST", "/subscriptions", body)

    def unsubscribe(self, token: int) -> None:
        """Give one subscription of ``token`` back."""
        self._write("subscriptions", "DELETE", f"/subscriptions/{token}")

    def subscriptions(self) -> dict[int, TickerRow]:
        """Return what is subscribed to at the service, by token."""
        decode = msgspec.json.Decoder(list[TickerRow]).decode
        rows = self._read("subscriptions", {"status": "active"}, decode)
        return {row.instrument_token: row for row in rows}

    def last_prices(self, symbols: Iterable[str]) -> dict[str, float]:
        """Return the last price by ``EXCHANGE:SYMBOL``; the unknown are absent."""
        quotes = self.quotes(symbols)
        return {symbol: quote.last_price for symbol, quote in quotes.items()}

    def quotes(self, symbols: Iterable[str]) -> dict[str, LastQuote]:
        """Return price and book by ``EXCHANGE:SYMBOL``; the unknown are absent."""
        wanted = list(symbols)
        decode = msgspec.json.Decoder(Quotes).decode
        quotes: dict[str, LastQuote] = {}
        for start in range(0, len(wanted), MOST_QUOTES):
            params = [("i", symbol) for symbol in wanted[start : start + MOST_QUOTES]]
            quotes |= self._read("quote", params, decode).data
        return quotes

    def _write(self, family: str, method: str, path: str, body: Any = None) -> None:
        """Ask the first service that is not left in peace, once: it counts."""
        problem = TickerUnavailable("No ticker service is set (TICKER_URL).")
        for source in self._sources:
            try:
                source.write(family, method, path, body)
            except BreakerOpen as error:
                problem = TickerUnavailable(str(error))
            else:
                return
        raise problem

    def _read(
        self,
        family: str,
        params: Any,
        decode: Callable[[bytes], Answer],
        *,
        tries: int = TRIES,
    ) -> Answer:
        if not self._sources:
            raise TickerUnavailable("No ticker service is set (TICKER_URL).")
        problem = TickerUnavailable("The ticker service was not asked.")
        for attempt in range(tries):
            if attempt:
                time.sleep(FIRST_WAIT_S * random.uniform(0.5, 1.5))  # noqa: S311
            for source in self._sources:
                try:
                    return decode(source.get(family, params))
                except BreakerOpen as error:
                    problem = TickerUnavailable(str(error))
                except TickerUnavailable as error:
                    problem = error
                except UNREADABLE as error:
                    problem = TickerUnavailable(f"/{family}: unreadable: {error}")
        raise problem


def ticker() -> Ticker:
    """Return the ticker service of the settings; its breakers outlive the call."""
    return _ticker_at(tuple(settings.TICKER_URLS))


@functools.lru_cache(maxsize=4)
def _ticker_at(urls: tuple[str, ...]) -> Ticker:
    return Ticker(urls)
