"""Bars as prints: open, the two extremes and close, spread over the bar's time.

Three shapes are read. The NSE text (``NIFTY,20230102,09:16,...``) stamps a minute
with its end; Yahoo's file (three header lines) and the futures file (``date,open``)
with its beginning, in UTC and in IST.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from marketdata.simulator.contracts import IST, day_number
from marketdata.simulator.replay.prints import Listing, Print, RecordingError
from marketdata.simulator.universe import Contract

_MINUTE_S = 60.0
_YAHOO_NAMES = {"^NSEI": "NIFTY", "^NSEBANK": "BANKNIFTY"}
# Where in the bar its prints stand; the close comes before the next bar's open.
_PLACES = (0.0, 0.3, 0.6, 0.95)


class RecordedBar(NamedTuple):
    """One row of a bar file."""

    opened_at: float
    symbol: str
    open: float
    high: float
    low: float
    close: float
    volume: int
    open_interest: int


def nse_text(name: str, lines: Iterable[str], listing: Listing) -> Iterator[Print]:
    return _prints(_rows(name, lines, 0, _nse_bar), _MINUTE_S, listing.cash)


def yahoo(name: str, lines: list[str], listing: Listing) -> Iterator[Print]:
    ticker = lines[1].split(",")[1]
    symbol = _YAHOO_NAMES.get(ticker, ticker.lstrip("^"))

    def bar(line: str) -> RecordedBar:
        time, close, high, low, opening, volume = line.split(",")
        at = dt.datetime.fromisoformat(time).timestamp()
        return _bar(at, symbol, (opening, high, low, close, volume, "0"))

    return _prints(_rows(name, lines[3:], 3, bar), _MINUTE_S, listing.cash)


def futures(name: str, lines: list[str], listing: Listing) -> Iterator[Print]:
    symbol = name.split("_")[0].upper()

    def bar(line: str) -> RecordedBar:
        time, *values = line.split(",")
        at = dt.datetime.fromisoformat(time).replace(tzinfo=IST).timestamp()
        return _bar(at, symbol, (*values, "0"))

    rows = _rows(name, lines[1:], 1, bar)
    return _prints(rows, _usual_length(rows), listing.future)


def _nse_bar(line: str) -> RecordedBar:
    symbol, day, time, *values = line.split(",")
    ended = dt.datetime.strptime(f"{day} {time} +0530", "%Y%m%d %H:%M %z")
    return _bar(ended.timestamp() - _MINUTE_S, symbol, tuple(values))


def _bar(at: float, symbol: str, values: tuple[str, ...]) -> RecordedBar:
    opening, high, low, close = (float(value) for value in values[:4])
    volume, interest = (int(float(value)) for value in values[4:])
    if not 0 < low <= min(opening, close) <= max(opening, close) <= high < float("inf"):
        raise ValueError("open, high, low and close do not fit together")
    return RecordedBar(at, symbol, opening, high, low, close, volume, interest)


def _rows(
    name: str,
    lines: Iterable[str],
    above: int,
    bar: Callable[[str], RecordedBar],
) -> list[RecordedBar]:
    rows: list[RecordedBar] = []
    for number, line in enumerate(lines, start=above + 1):
        if not line.strip():
            continue
        try:
            rows.append(bar(line.strip()))
        except (ValueError, IndexError) as error:
            raise RecordingError(name, number, error) from error
    return sorted(rows)


def _usual_length(rows: list[RecordedBar]) -> float:
    gaps = [b.opened_at - a.opened_at for a, b in pairwise(rows)]
    return min((gap for gap in gaps if gap > 0), default=_MINUTE_S)


def _prints(
    rows: Iterable[RecordedBar],
    length_s: float,
    contract_of: Callable[[str, float, float], Contract],
) -> Iterator[Print]:
    day, traded = -1, 0
    for bar in rows:
        if day_number(bar.opened_at) != day:
            day, traded = day_number(bar.opened_at), 0
        contract = contract_of(bar.symbol, bar.opened_at, bar.open)
        for part, (place, price) in enumerate(zip(_PLACES, _walk(bar), strict=True)):
            # The open carries the volume from before the bar, the close all of it.
            volume = traded + bar.volume * part // 3
            at = round(bar.opened_at + length_s * place, 3)
            yield Print(at, contract, price, volume, bar.open_interest)
        traded += bar.volume


def _walk(bar: RecordedBar) -> tuple[float, float, float, float]:
    """Return the bar's prices in a likely order: with the move comes last."""
    if bar.close >= bar.open:
        return bar.open, bar.low, bar.high, bar.close
    return bar.open, bar.high, bar.low, bar.close
