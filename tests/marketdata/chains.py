"""Real and invented chains that the tests of options are arranged with."""

import csv
import datetime
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marketdata import partitions
from marketdata.models import Instrument, MinuteBar, StrikeBar
from tests.marketdata.builders import (
    ist,
    make_bar,
    make_exchange,
    make_hours,
    make_instrument,
)

SHARED = Path(
    os.environ.get("TRADINGSITE_SHARED_DATA")
    or Path(__file__).parents[3] / "shared" / "data"
)
needs_recordings = pytest.mark.skipif(
    not (SHARED / "options" / "kite_chain_2026-02-03").exists(),
    reason="the recorded chains are not here (TRADINGSITE_SHARED_DATA)",
)


@dataclass(frozen=True, slots=True)
class Quote:
    """One side of a strike as a file or a test has it."""

    price: float
    open_interest: int = 0
    volume: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """Call and put of a strike."""

    strike: float
    call: Quote
    put: Quote


def shared_json(name: str) -> Any:
    return json.loads((SHARED / name).read_text())


def kite_chain(time: str, symbol: str = "NIFTY") -> tuple[float, list[Line]]:
    """Return spot and lines of the chain recorded on 3 February 2026 at ``time``."""
    folder = SHARED / "options" / "kite_chain_2026-02-03"
    with (folder / f"index_OC_2026-02-03_{time}.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["Symbol"] == symbol]
    lines = [
        Line(
            float(row["Strike"]),
            Quote(float(row["CE_LTP"]), int(row["CE_OI"]), int(row["CE_Volume"])),
            Quote(float(row["PE_LTP"]), int(row["PE_OI"]), int(row["PE_Volume"])),
        )
        for row in rows
    ]
    return float(rows[0]["Spot"]), lines


def dhan_chain() -> tuple[float, list[Line]]:
    """Return spot and lines of the closing chain of 23 December 2025."""
    data = shared_json("options/dhan_nifty_chain_26177.json")["data"]
    lines = [
        Line(float(strike), _dhan(sides["ce"]), _dhan(sides["pe"]))
        for strike, sides in data["oc"].items()
    ]
    return data["last_price"], sorted(lines, key=lambda line: line.strike)


def _dhan(side: dict[str, Any]) -> Quote:
    return Quote(side["last_price"], side["oi"], side["volume"])


def columns(lines: Iterable[Line]) -> tuple[np.ndarray, ...]:
    """Return strikes, call and put prices, open interest and volumes as arrays."""
    rows = [
        (
            line.strike,
            line.call.price,
            line.put.price,
            line.call.open_interest,
            line.put.open_interest,
            line.call.volume,
            line.put.volume,
        )
        for line in lines
    ]
    return tuple(np.array(rows, dtype=float).T)


def make_underlying(symbol: str = "NIFTY") -> Instrument:
    make_hours(make_exchange("NSE"))
    make_hours(make_exchange("NFO"))
    return make_instrument(symbol, kind="index", name=symbol)


def make_options(
    underlying: Instrument, expires_on: str, strikes: Iterable[float]
) -> dict[tuple[float, str], Instrument]:
    """List call and put of each strike, by strike and type."""
    exchange = make_exchange("NFO")
    listed = Instrument.objects.bulk_create(
        Instrument(
            exchange=exchange,
            symbol=f"{underlying.symbol}{expires_on}{strike:g}{kind}",
            name=underlying.symbol,
            kind="option",
            segment="NFO-OPT",
            underlying=underlying,
            expires_on=datetime.date.fromisoformat(expires_on),
            strike=f"{strike:.2f}",
            option_type=kind,
            lot_size=65,
        )
        for strike in strikes
        for kind in ("CE", "PE")
    )
    return {(float(row.strike or 0), row.option_type): row for row in listed}


def save_chain(
    underlying: Instrument,
    options: dict[tuple[float, str], Instrument],
    lines: Iterable[Line],
    at: str,
    *,
    spot: float | None = None,
    feed: dict[tuple[float, str], dict[str, float]] | None = None,
) -> None:
    """Write the bars and strike rows of one minute; a price of 0 did not trade."""
    opened_at = ist(at)
    expires_on = next(iter(options.values())).expires_on
    assert expires_on is not None
    seen_at = opened_at + datetime.timedelta(seconds=59)
    bars, chains = [], []
    if spot:
        bars.append(make_bar(underlying, opened_at, spot, last_tick_at=seen_at))
    for line in lines:
        columns: dict[str, Any] = {}
        for side, kind, quote in (
            ("call", "CE", line.call),
            ("put", "PE", line.put),
        ):
            if not quote.price:
                continue
            option = options[line.strike, kind]
            bars.append(
                make_bar(
                    option,
                    opened_at,
                    quote.price,
                    open_interest=quote.open_interest,
                    last_volume=quote.volume,
                    last_tick_at=seen_at,
                )
            )
            columns |= {
                f"{side}_close": quote.price,
                f"{side}_open_interest": quote.open_interest,
                f"{side}_volume": 1,
                f"{side}_last_tick_at": seen_at,
            }
            for name, value in ((feed or {}).get((line.strike, kind)) or {}).items():
                columns[f"{side}_{name}"] = value
        if columns:
            chains.append(
                StrikeBar(
                    underlying=underlying,
                    expires_on=expires_on,
                    opened_at=opened_at,
                    strike=f"{line.strike:.2f}",
                    **columns,
                )
            )
    month = {partitions.month_of(opened_at)}
    partitions.ensure("minute_bars", month)
    partitions.ensure("fo_option_strike_bars", month)
    MinuteBar.objects.bulk_create(bars, ignore_conflicts=True)
    StrikeBar.objects.bulk_create(chains, ignore_conflicts=True)
