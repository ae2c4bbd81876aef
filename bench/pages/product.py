"""The pages of a full chain as the server makes them, with all their middleware.

``python -m bench.pages.product ROUNDS`` writes a day of a NIFTY-like chain (220
strikes, both sides, every minute), waits for a line, asks for each page again within
this process, on one core together with its database backend, and reports.
"""

import datetime
import statistics
import sys
import time
from collections.abc import Iterable
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402 - Django must be set up first
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from accounts.models import User  # noqa: E402
from bench.children import tell  # noqa: E402
from bench.machine import cpu_seconds  # noqa: E402
from bench.market import open_exchange  # noqa: E402
from bench.rollups.product import share_core  # noqa: E402
from marketdata import greeks, partitions  # noqa: E402
from marketdata.models import Instrument  # noqa: E402

SPOT = 26_000.0
STRIKES = [20_500 + 50 * place for place in range(220)]
MINUTES = 375
TIMES = 20
PAGES = {
    "chain page": "/options/DEMO:NIFTY?strikes=0",
    "chain page, its live part": "/_options/sight?symbol=DEMO:NIFTY&strikes=0",
    "chain page, of an earlier minute": "/options/DEMO:NIFTY?strikes=0&at={at}",
    "chain answer": "/api/v1/options/chain?symbol=DEMO:NIFTY",
    "monitor page": "/monitor/?symbol=DEMO:NIFTY",
}
FILL = """
INSERT INTO minute_bars (instrument_id, opened_at, open, high, low, close, volume,
       open_interest, source, last_volume, last_tick_at)
SELECT i.id, %(start)s + minute * interval '1 minute', p.price, p.price, p.price,
       p.price, 65 * (i.id %% 40), 65 * (1000 + i.id + minute), 'ticks',
       65 * (i.id %% 40) * (1 + minute),
       %(start)s + minute * interval '1 minute' + interval '59 seconds'
  FROM marketdata_instrument i
  JOIN unnest(%(ids)s::bigint[], %(prices)s::float8[]) AS p (id, price) ON p.id = i.id,
       generate_series(0, %(minutes)s - 1) minute;
ANALYZE minute_bars;
INSERT INTO fo_option_strike_bars (underlying_id, expires_on, opened_at, strike,
       call_close, call_open_interest, call_volume, put_close, put_open_interest,
       put_volume)
SELECT c.underlying_id, c.expires_on, b.opened_at, c.strike, b.close, b.open_interest,
       b.volume, d.close, d.open_interest, d.volume
  FROM marketdata_instrument c
  JOIN marketdata_instrument p ON p.strike = c.strike AND p.option_type = 'PE'
  JOIN minute_bars b ON b.instrument_id = c.id
  JOIN minute_bars d ON d.instrument_id = p.id AND d.opened_at = b.opened_at
 WHERE c.option_type = 'CE';
"""


class NotWhole(AssertionError):  # noqa: N818 - reads as what was found
    """A page does not show the chain: its speed means nothing."""


def write_contracts(expires_on: datetime.date) -> dict[int, float]:
    """List the chain; return the price of every instrument by its number."""
    exchange = open_exchange()
    underlying = Instrument.objects.create(
        exchange=exchange,
        symbol="NIFTY",
        kind="index",
        segment="INDICES",
        has_derivatives=True,
    )
    options = Instrument.objects.bulk_create(
        Instrument(
            exchange=exchange,
            symbol=f"NIFTYB{strike}{side}",
            name="NIFTY",
            kind="option",
            segment="DEMO-OPT",
            underlying=underlying,
            expires_on=expires_on,
            strike=strike,
            option_type=side,
            lot_size=65,
        )
        for strike in STRIKES
        for side in ("CE", "PE")
    )
    strikes = [float(option.strike or 0) for option in options]
    is_call = [option.option_type == "CE" for option in options]
    terms = greeks.Terms(SPOT, strikes, 7 / 365, is_call)  # type: ignore[arg-type]
    prices = greeks.price(0.14, terms).round(2).clip(0.05).tolist()
    ids = [option.pk for option in options]
    return dict(zip(ids, prices, strict=True)) | {underlying.pk: SPOT}


def fill(now: datetime.datetime) -> None:
    """Write the minutes before ``now`` of a chain that ends in a week."""
    start = now.replace(second=0, microsecond=0) - datetime.timedelta(minutes=MINUTES)
    prices = write_contracts(now.date() + datetime.timedelta(days=7))
    months = {partitions.month_of(start), partitions.month_of(now)}
    partitions.ensure("minute_bars", months)
    partitions.ensure("fo_option_strike_bars", months)
    parameters: dict[str, Any] = {
        "start": start,
        "minutes": MINUTES,
        "ids": list(prices),
        "prices": list(prices.values()),
    }
    with connection.cursor() as cursor:
        for statement in filter(str.strip, FILL.split(";")):
            cursor.execute(statement, parameters)
        for table in ("minute_bars", "fo_option_strike_bars", "marketdata_instrument"):
            cursor.execute(f"VACUUM ANALYZE {table}")


def visitor() -> Client:
    settings.ALLOWED_HOSTS = ["testserver"]
    client = Client()
    client.force_login(User.objects.create_user("bench"))
    return client


def timed(client: Client, path: str, backend: int) -> dict[str, float]:
    """Return what a page takes in milliseconds: wall, and CPU of both processes.

    They work in turns, so that where nobody else holds the core both are the same.
    """
    walls, before = [], cpu_seconds(backend)
    cpus = []
    for _ in range(TIMES):
        started, used = time.perf_counter(), time.process_time()
        client.get(path)
        cpus.append(1000 * (time.process_time() - used))
        walls.append(1000 * (time.perf_counter() - started))
    # The clock of another process is coarse: it is read once for all pages.
    shared = 1000 * (cpu_seconds(backend) - before) / TIMES
    return {
        "wall_ms": statistics.median(walls),
        "cpu_ms": statistics.median(cpus) + shared,
    }


def require_whole(pages: Iterable[str], client: Client) -> None:
    """Look once at every page, and that each shows its strikes."""
    for path in pages:
        response = client.get(path)
        body = response.content.decode()
        wanted = STRIKES[100:121] if path.startswith("/monitor") else STRIKES
        found = [at for at in wanted if f"{at}" in body or f"{at:,}" in body]
        if response.status_code != 200 or len(found) < len(wanted) // 2:
            raise NotWhole(f"{path}: {response.status_code}, {len(found)} strikes")


def main(rounds: str) -> None:
    now = timezone.now()
    fill(now)
    client, at = visitor(), (now - datetime.timedelta(hours=2)).strftime("%FT%TZ")
    pages = {what: path.format(at=at) for what, path in PAGES.items()}
    require_whole(pages.values(), client)
    backend = share_core()
    tell(ready=True)
    for _ in range(int(rounds)):
        sys.stdin.readline()
        tell(**{what: timed(client, path, backend) for what, path in pages.items()})


if __name__ == "__main__":
    main(*sys.argv[1:])
