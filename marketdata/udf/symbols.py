"""What a chart must know of an instrument before it draws it, and how it is found."""

from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Case, F, IntegerField, Q, QuerySet, Value, When

from marketdata.models import Instrument
from marketdata.resolutions import RESOLUTIONS
from marketdata.udf import sessions

RESOLUTION_CODES = [resolution.code for resolution in RESOLUTIONS]
MAX_FOUND = 50
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
        "supports_marks": False,
        "supports_timescale_marks": False,
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
        **sessions.exceptions(instrument),
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
    """Return the active instruments that hold every word of ``text``, best first."""
    if "\0" in text + exchange or (kind and kind not in _KINDS):
        return []
    found = _holding(text.upper().replace(":", " ").split())
    if kind:
        found = found.filter(kind=_KINDS[kind])
    if exchange:
        found = found.filter(exchange_id=exchange)
    best = _ranked(found, text.upper().rpartition(":")[2].strip())
    return [_row(instrument) for instrument in best[: min(limit, MAX_FOUND)]]


def _holding(words: list[str]) -> QuerySet[Instrument]:
    found = Instrument.objects.filter(is_active=True)
    for word in words[:8]:
        found = found.filter(
            Q(symbol__contains=word) | Q(name__icontains=word) | Q(exchange_id=word)
        )
    return found


def _ranked(found: QuerySet[Instrument], symbol: str) -> QuerySet[Instrument]:
    """Order by how well the symbol fits, then plain contracts before derived ones."""
    fit = Case(
        When(symbol=symbol, then=Value(0)),
        When(symbol__startswith=symbol, then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    kinds = Case(
        *(When(kind=kind, then=Value(place)) for place, kind in enumerate(_TYPES)),
        output_field=IntegerField(),
    )
    return found.order_by(
        fit, kinds, F("expires_on").asc(nulls_first=True), "symbol", "exchange_id"
    )


def _row(instrument: Instrument) -> dict[str, str]:
    return {
        "symbol": instrument.symbol,
        "full_name": str(instrument),
        "ticker": str(instrument),
        "description": title(instrument),
        "exchange": instrument.exchange_id,
        "type": _TYPES[Instrument.Kind(instrument.kind)],
    }
