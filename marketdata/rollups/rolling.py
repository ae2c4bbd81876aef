"""Rolling up what is dirty, a batch at a time, each batch whole or not at all."""

from dataclasses import dataclass

from django.db import transaction

from marketdata import partitions
from marketdata.rollups import bars, claiming, strikes

# So many minutes at once: what a transaction keeps locked, and a crash undoes.
BATCH = 20_000


@dataclass(frozen=True, slots=True)
class Rolled:
    """How many dirty minutes were rolled up, and how many larger bars that changed."""

    minutes: int = 0
    written: int = 0


def roll_up(*, most: int | None = None, batch: int = BATCH) -> Rolled:
    """Roll up dirty minutes until none is left, or about ``most`` are done."""
    minutes = written = 0
    while most is None or minutes < most:
        rolled = roll_batch(batch)
        if not rolled.minutes:
            break
        minutes += rolled.minutes
        written += rolled.written
    return Rolled(minutes, written)


@transaction.atomic
def roll_batch(batch: int) -> Rolled:
    """Roll up one batch: marks and bars go in one transaction."""
    claim = claiming.claim(batch)
    if claim is None:
        return Rolled()
    for kind in ("bars", "strike_bars"):
        partitions.ensure(f"intraday_{kind}", claim.months)
        partitions.ensure(f"longer_{kind}", claim.beginnings)
    written = bars.roll(claim.hours) + strikes.roll(claim.hours)
    return Rolled(claim.minutes, written)
