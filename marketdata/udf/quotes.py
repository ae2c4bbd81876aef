"""``/udf/quotes``: the last price of each symbol and how its day went."""

from typing import Any

from marketdata import overview, quotes
from marketdata.models import Instrument
from marketdata.overview import Day
from marketdata.quotes import Quote
from marketdata.udf import names, symbols
from marketdata.udf.protocol import UdfError

MOST_SYMBOLS = 50


def asked(text: str) -> list[str]:
    """Return the symbols of a comma-separated list, each once."""
    found = list(dict.fromkeys(name for name in text.split(",") if name.strip()))
    if not found:
        raise UdfError("symbols is missing")
    if len(found) > MOST_SYMBOLS:
        raise UdfError(f"symbols may name {MOST_SYMBOLS} at most")
    return found


def answer(wanted: list[str]) -> dict[str, Any]:
    """Return the answer for the symbols ``wanted``, in their order."""
    found = names.find_all(wanted)
    instruments = {instrument.pk: instrument for instrument in found.values()}
    prices = quotes.last_quotes(instruments)
    days = overview.days_of(list(instruments.values()))
    books = quotes.seen_books(list(instruments))
    rows = []
    for name in wanted:
        instrument = found.get(name)
        quote = prices.get(instrument.pk) if instrument else None
        if instrument is None or quote is None:
            rows.append({"s": "error", "n": name, "v": {}})
            continue
        day = days.get(instrument.pk, Day())
        values = _values(instrument, quote, day) | _best(books.get(instrument.pk))
        rows.append({"s": "ok", "n": name, "v": values})
    return {"s": "ok", "d": rows}


def _values(instrument: Instrument, quote: Quote, day: Day) -> dict[str, Any]:
    base = day.base
    change = None if base is None else quote.price - base
    values = {
        "lp": quote.price,
        "ch": None if change is None else round(change, 4),
        "chp": round(100 * change / base, 2) if change is not None and base else None,
        "open_price": day.open,
        "high_price": None if day.high is None else max(day.high, quote.price),
        "low_price": None if day.low is None else min(day.low, quote.price),
        "prev_close_price": day.previous_close,
        "volume": quote.volume if quote.volume is not None else day.volume,
        "short_name": instrument.symbol,
        "exchange": instrument.exchange_id,
        "original_name": str(instrument),
        "description": symbols.title(instrument),
    }
    return {name: value for name, value in values.items() if value is not None}


def _best(book: quotes.SeenBook | None) -> dict[str, float]:
    """Return the best prices of a book, where it has both sides."""
    bid, ask = (book.book.best_bid, book.book.best_ask) if book else (None, None)
    if bid is None or ask is None:
        return {}
    return {"bid": bid, "ask": ask, "spread": round(ask - bid, 4)}
