"""What a chart must know of an instrument before it draws it, and how it is found."""

from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from marketdata import search as instrument_search
from marketdata.models import Instrument
from marketdata.resolutions import RESOLUTIONS
from marketdata.udf import sessions

RESOLUTION_CODES = [resolution.code for resolution in RESOLUTIONS]
MAX_FOUND = 50
# The futures and options of an exchange are found by search, one need not load all.
MOST_IN_GROUP = 5000
_INTRADAY_CODES = [
    resolution.code for resolution in RESOLUTIONS if resolution.is_intraday
]
_TYPES = {
    Instrument.Kind.INDEX: "index",
    Instrument.Kind.STOCK: "stock",
    Instrument.Kind.FUTURE: "futures",
    Instrument.Kind.OPTION: "option",
}
_KINDS = {name: kind for kind, name in _TYPES.items()}


def datafeed(exchanges: list[tuple[str, str]]) -> dict[str, Any]:
    """Return the answer of ``/udf/config``."""
    return {
        "supports_search": True,
        "supports_group_request": False,
        "supports_marks": True,
        "supports_timescale_marks": True,
        "supports_time": True,
        "supported_resolutions": RESOLUTION_CODES,
        "exchanges": [
            {"value": "", "name": "All exchanges", "desc": ""},
            *({"value": code, "name": code, "desc": name} for code, name in exchanges),
        ],
        "symbols_types": [
            {"name": "All types", "value": ""},
            *({"name": kind.label, "value": name} for kind, name in _TYPES.items()),
        ],
    }


def price_scale(tick_size: Decimal) -> tuple[int, int]:
    """Return (pricescale, minmov) with ``minmov / pricescale == tick_size``."""
    decimals = max(2, -int(tick_size.normalize().as_tuple().exponent))
    scale = 10**decimals
    return scale, max(1, int(tick_size * scale))


def title(instrument: Instrument) -> str:
    """Return what a person calls it: ``NIFTY 24 Nov 2026 24000 Call``."""
    parts = [instrument.name or instrument.symbol]
    if instrument.expires_on:
        parts.append(f"{instrument.expires_on:%-d %b %Y}")
    if instrument.strike is not None:
        parts.append(f"{instrument.strike.normalize():f}")
    if instrument.option_type:
        parts.append(Instrument.OptionType(instrument.option_type).label)
    elif instrument.expires_on:
        parts.append(Instrument.Kind.FUTURE.label)
    return " ".join(parts)


def has_volume(instrument: Instrument) -> bool:
    """Tell whether it is traded: an index is only computed."""
    return instrument.kind != Instrument.Kind.INDEX


def description(instrument: Instrument, now: datetime) -> dict[str, Any]:
    """Return the symbol object of ``instrument`` as it stands at ``now``."""
    pricescale, minmov = price_scale(instrument.tick_size)
    today = now.astimezone(ZoneInfo(instrument.exchange.timezone)).date()
    return {
        "name": instrument.symbol,
        "full_name": str(instrument),
        "ticker": str(instrument),
        "description": title(instrument),
        "type": _TYPES[Instrument.Kind(instrument.kind)],
        "session": sessions.session(instrument, today),
        **sessions.exceptions(instrument, today),
        "timezone": instrument.exchange.timezone,
        "exchange": instrument.exchange_id,
        "listed_exchange": instrument.exchange_id,
        "minmov": minmov,
        "pricescale": pricescale,
        "minmove2": 0,
        "fractional": False,
        "pointvalue": 1,
        "format": "price",
        "currency_code": "INR",
        "has_intraday": True,
        "has_daily": True,
        "has_weekly_and_monthly": True,
        "intraday_multipliers": _INTRADAY_CODES,
        "supported_resolutions": RESOLUTION_CODES,
        "volume_precision": 0,
        "visible_plots_set": "ohlcv" if has_volume(instrument) else "ohlc",
        "data_status": "streaming",
        **_expiry(instrument, now),
    }


def _expiry(instrument: Instrument, now: datetime) -> dict[str, Any]:
    if instrument.expires_on is None:
        return {}
    zone = ZoneInfo(instrument.exchange.timezone)
    is_over = instrument.expires_on < now.astimezone(zone).date()
    at = datetime.combine(instrument.expires_on, time(), UTC)
    return {"expired": is_over, "expiration_date": int(at.timestamp())}


def search(text: str, *, kind: str, exchange: str, limit: int) -> list[dict[str, str]]:
    """Return the active instruments that ``text`` means, best first."""
    if kind and kind not in _KINDS:
        return []
    found = instrument_search.find(
        text,
        limit=min(limit, MAX_FOUND),
        kinds=[_KINDS[kind]] if kind else [],
        exchange=exchange,
    )
    return [_row(instrument) for instrument in found]


def group(exchange: str, now: datetime) -> dict[str, Any]:
    """Return the active instruments of an exchange as columns."""
    found = list(
        Instrument.objects.filter(is_active=True, exchange_id=exchange)
        .select_related("exchange")
        .order_by("kind", "symbol")[:MOST_IN_GROUP]
    )
    zone = ZoneInfo(found[0].exchange.timezone) if found else UTC
    today = now.astimezone(zone).date()
    scales = [price_scale(instrument.tick_size) for instrument in found]
    return {
        "symbol": [instrument.symbol for instrument in found],
        "ticker": [str(instrument) for instrument in found],
        "description": [title(instrument) for instrument in found],
        "type": [_TYPES[Instrument.Kind(instrument.kind)] for instrument in found],
        "pricescale": [scale for scale, _ in scales],
        "minmovement": [step for _, step in scales],
        "minmov2": 0,
        "exchange-listed": exchange,
        "exchange-traded": exchange,
        "timezone": str(zone),
        "session-regular": sessions.of_all(exchange, found, today),
        "has-intraday": True,
        "has-no-volume": [not has_volume(instrument) for instrument in found],
    }


def _row(instrument: Instrument) -> dict[str, str]:
    return {
        "symbol": instrument.symbol,
        "full_name": str(instrument),
        "ticker": str(instrument),
        "description": title(instrument),
        "exchange": instrument.exchange_id,
        "type": _TYPES[Instrument.Kind(instrument.kind)],
    }
