"""The bars that history is asked for: the same rows in the product's table and ours."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import psycopg

SYMBOLS = 40
DAYS = 15
BARS_A_DAY = 375
# A quarter past nine in Mumbai, on each of the days.
FIRST_OPEN_AT = datetime(2023, 11, 1, 3, 45, tzinfo=UTC)
RANGES = (375, 5000)

ORIGINAL = f"""
CREATE TABLE original_history (
    symbol text, opened_at timestamptz,
    open float8, high float8, low float8, close float8, volume bigint,
    PRIMARY KEY (symbol, opened_at)
);
SELECT setseed(0.42);
INSERT INTO original_history
SELECT symbol, opened_at, price, price + 1.25, price - 0.75, price + 0.35, volume
  FROM (
    SELECT format('SYM%s', lpad(s::text, 3, '0')) AS symbol,
           timestamptz '{FIRST_OPEN_AT.isoformat()}'
             + make_interval(days => d, mins => m) AS opened_at,
           round((2400 + random() * 200)::numeric, 2)::float8 AS price,
           (random() * 100000)::bigint AS volume
      FROM generate_series(0, {SYMBOLS - 1}) s,
           generate_series(0, {DAYS - 1}) d,
           generate_series(0, {BARS_A_DAY - 1}) m
     ORDER BY s, d, m
  ) walked;
"""
PRODUCT = """
SELECT ensure_partition('minute_bars', month::date) FROM (
    SELECT DISTINCT date_trunc('month', opened_at) AS month FROM original_history) m;
INSERT INTO minute_bars
    (instrument_id, opened_at, open, high, low, close, volume, source)
SELECT i.id, o.opened_at, o.open, o.high, o.low, o.close, o.volume, 'import'
  FROM original_history o
  JOIN marketdata_instrument i ON i.exchange_id = 'DEMO' AND i.symbol = o.symbol
 ORDER BY i.id, o.opened_at;
"""


def fill(connection: psycopg.Connection) -> None:
    """Write the bars once for the original and once for the product."""
    connection.execute(ORIGINAL)
    connection.execute(PRODUCT)
    connection.execute("VACUUM ANALYZE original_history")
    connection.execute("VACUUM ANALYZE minute_bars")


def symbols() -> Sequence[str]:
    return [f"SYM{number:03d}" for number in range(SYMBOLS)]


def span(bars: int) -> tuple[int, int]:
    """Return from and to, in epoch seconds, of a range that holds ``bars`` bars."""
    days, rest = divmod(bars, BARS_A_DAY)
    end = FIRST_OPEN_AT + timedelta(days=days, minutes=rest)
    return int(FIRST_OPEN_AT.timestamp()), int(end.timestamp())
