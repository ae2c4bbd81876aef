"""Option-chain snapshots as prints: the spot, and both options of every strike."""

import csv
import datetime as dt
from collections.abc import Iterator
from operator import attrgetter

from marketdata.simulator.contracts import IST
from marketdata.simulator.replay.prints import Listing, Print, RecordingError


def snapshot(name: str, lines: list[str], listing: Listing) -> Iterator[Print]:
    """Return the prints of one file; a price of 0 means that nothing was traded."""
    prints: list[Print] = []
    for number, row in enumerate(csv.DictReader(lines), start=2):
        try:
            prints.extend(_row_prints(row, listing))
        except (ValueError, KeyError, TypeError) as error:
            raise RecordingError(name, number, error) from error
    # The spot stands in every row of the snapshot; one print of it is enough.
    seen = dict.fromkeys(sorted(prints, key=attrgetter("at")))
    return iter(seen)


def _row_prints(row: dict[str, str], listing: Listing) -> Iterator[Print]:
    taken = dt.datetime.fromisoformat(row["timestamp"]).replace(tzinfo=IST)
    at, symbol, spot = taken.timestamp(), row["Symbol"], float(row["Spot"])
    yield Print(at, listing.cash(symbol, at, spot), spot, 0, 0)
    expires_on, strike = dt.date.fromisoformat(row["Expiry"]), float(row["Strike"])
    for side in ("CE", "PE"):
        price = float(row[f"{side}_LTP"])
        if price > 0:
            yield Print(
                at,
                listing.option(symbol, expires_on, strike, side),
                price,
                int(row[f"{side}_Volume"]),
                int(row[f"{side}_OI"]),
            )
