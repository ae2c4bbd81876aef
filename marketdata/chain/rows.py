"""The options of an expiry as the tables and the quotes know them at an instant."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from marketdata import quotes
from marketdata.chain.contracts import ChainExpiry

# How far back the newest minute of an option is looked for.
LOOK_BACK = timedelta(days=7)
CHANGE_OVER = timedelta(hours=1)

_NEWEST = """
SELECT opened_at FROM fo_option_strike_bars
WHERE underlying_id = %(underlying)s AND expires_on = %(expires_on)s
  AND opened_at <= %(at)s AND opened_at > %(since)s
ORDER BY opened_at DESC LIMIT 1
"""

_OPTIONS = """
SELECT o.id, o.symbol, o.lot_size, o.strike::float8, o.option_type = 'CE', bar.last_at,
       bar.close, bar.open_interest, before.open_interest,
       CASE WHEN bar.opened_at < %(day)s THEN 0
            WHEN bar.last_volume IS NOT NULL THEN bar.last_volume
            ELSE (SELECT sum(volume)::bigint FROM minute_bars
                  WHERE instrument_id = o.id AND opened_at >= %(day)s
                    AND opened_at <= bar.opened_at) END,
       side.iv, side.delta, side.gamma, side.theta, side.vega, side.bid, side.ask
FROM marketdata_instrument o
LEFT JOIN LATERAL (
    SELECT opened_at, close, open_interest, last_volume,
           coalesce(last_tick_at, opened_at + interval '1 minute') AS last_at
    FROM minute_bars
    WHERE instrument_id = o.id AND opened_at <= %(at)s AND opened_at > %(since)s
    ORDER BY opened_at DESC LIMIT 1
) bar ON true
LEFT JOIN LATERAL (
    SELECT open_interest FROM minute_bars
    WHERE instrument_id = o.id AND opened_at <= %(before)s AND opened_at > %(since)s
    ORDER BY opened_at DESC LIMIT 1
) before ON true
LEFT JOIN LATERAL (
    SELECT CASE o.option_type WHEN 'CE' THEN call_iv ELSE put_iv END AS iv,
           CASE o.option_type WHEN 'CE' THEN call_delta ELSE put_delta END AS delta,
           CASE o.option_type WHEN 'CE' THEN call_gamma ELSE put_gamma END AS gamma,
           CASE o.option_type WHEN 'CE' THEN call_theta ELSE put_theta END AS theta,
           CASE o.option_type WHEN 'CE' THEN call_vega ELSE put_vega END AS vega,
           CASE o.option_type WHEN 'CE' THEN call_bid ELSE put_bid END AS bid,
           CASE o.option_type WHEN 'CE' THEN call_ask ELSE put_ask END AS ask
    FROM fo_option_strike_bars
    WHERE underlying_id = o.underlying_id AND expires_on = o.expires_on
      AND opened_at = bar.opened_at AND strike = o.strike
) side ON true
WHERE o.underlying_id = %(underlying)s AND o.expires_on = %(expires_on)s
  AND o.kind = 'option' AND (o.is_active OR bar.opened_at IS NOT NULL)
ORDER BY o.strike, o.option_type, o.id
"""

_SPOT = """
SELECT close FROM minute_bars
WHERE instrument_id = %(underlying)s AND opened_at <= %(at)s AND opened_at > %(since)s
ORDER BY opened_at DESC LIMIT 1
"""


@dataclass(slots=True)
class Row:
    """What the tables know of one option."""

    instrument_id: int
    symbol: str
    lot_size: int
    strike: float
    is_call: bool
    last_at: datetime | None = None
    price: float | None = None
    open_interest: int | None = None
    earlier_open_interest: int | None = None
    volume: int | None = None
    iv: float | None = None
    delta: float | None = None
    gamma: float | None = None
    theta: float | None = None
    vega: float | None = None
    bid: float | None = None
    ask: float | None = None


def read(
    expiry: ChainExpiry, at: datetime, *, is_now: bool
) -> tuple[list[Row], float | None]:
    """Return every option, lowest strike first, and the price of the underlying."""
    parameters = _parameters(expiry, at)
    with connection.cursor() as cursor:
        cursor.execute(_OPTIONS, parameters)
        rows = [Row(*row) for row in cursor.fetchall()]
        cursor.execute(_SPOT, parameters)
        found = cursor.fetchone()
    spot = found[0] if found else None
    return rows, _overlay(rows, expiry.underlying.pk, spot) if is_now else spot


def _parameters(expiry: ChainExpiry, at: datetime) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        "underlying": expiry.underlying.pk,
        "expires_on": expiry.expires_on,
        "at": at,
        "since": at - LOOK_BACK,
    }
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, parameters)
        newest = cursor.fetchone()
    # On a Sunday the day of the chain is Friday, and so is the hour before its end.
    minute = newest[0] if newest else at.replace(second=0, microsecond=0)
    local = minute.astimezone(expiry.zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return parameters | {"day": midnight, "before": minute - CHANGE_OVER}


def _overlay(rows: list[Row], underlying_id: int, spot: float | None) -> float | None:
    """Put newer quotes over what the tables say; return the newest spot."""
    newest = quotes.cached_quotes([underlying_id, *(row.instrument_id for row in rows)])
    for row in rows:
        quote = newest.get(row.instrument_id)
        if quote is None or (row.last_at and quote.at <= row.last_at.timestamp()):
            continue
        row.price, row.last_at = quote.price, datetime.fromtimestamp(quote.at, UTC)
        row.volume = row.volume if quote.volume is None else quote.volume
        if quote.open_interest is not None:
            row.open_interest = quote.open_interest
    return newest[underlying_id].price if underlying_id in newest else spot
