"""What the monitor shows of an underlying: its day, its futures and its options.

Everything is asked anew each time; the chain around the money is that of ``chain``,
the changes of the futures are those of ``positioning``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from django.db.models import Count, Q

from marketdata import chain, overview, positioning
from marketdata.chain import Chain, ChainExpiry, Strike
from marketdata.models import Instrument
from marketdata.overview import Day
from marketdata.positioning import ExpiryShare, FuturesLine

EXPIRIES_SHOWN = 5
STRIKES_EACH_SIDE = 8


@dataclass(frozen=True, slots=True)
class Around:
    """The strikes around the money of one expiry, and the chain they are of."""

    chain: Chain
    strikes: Sequence[Strike]

    @property
    def expiry(self) -> ChainExpiry:
        return self.chain.expiry

    @property
    def most_open_interest(self) -> int:
        """Return the largest open interest shown: the full length of a bar."""
        sides = [side for row in self.strikes for side in (row.call, row.put) if side]
        return max((side.open_interest or 0 for side in sides), default=0)

    @property
    def step(self) -> float | None:
        """Return the smallest distance between two strikes shown, as listed."""
        levels = [row.strike for row in self.strikes]
        return min((after - before for before, after in pairwise(levels)), default=None)


@dataclass(frozen=True, slots=True)
class Sight:
    """One underlying as it stands now."""

    underlying: Instrument
    day: Day
    futures: list[FuturesLine]
    shares: list[ExpiryShare]
    expiries: list[ChainExpiry] = field(default_factory=list)
    around: Around | None = None


def underlyings() -> list[Instrument]:
    """Return what futures or options are listed on, most contracts first."""
    listed = Count("derivatives", filter=Q(derivatives__is_active=True))
    found = Instrument.objects.filter(is_active=True, has_derivatives=True)
    ranked = found.annotate(listed=listed).order_by("-listed", "pk")
    return list(ranked.select_related("exchange"))


def look(underlying: Instrument, *, now: datetime, expiry: str = "") -> Sight:
    """Return all that the page shows of ``underlying``.

    ``expiry`` is a day or a label; what names no listed expiry shows the nearest.
    """
    contracts = positioning.contracts_of(underlying)
    days = overview.days_of([underlying, *contracts])
    today = positioning.today_of(underlying, now)
    listed = chain.expiries_of(underlying, today)
    return Sight(
        underlying=underlying,
        day=days.get(underlying.pk, Day()),
        futures=positioning.lines(underlying, contracts, days, today),
        shares=positioning.shares(contracts, days, today),
        expiries=listed[:EXPIRIES_SHOWN],
        around=_around(_chosen(listed, expiry), STRIKES_EACH_SIDE),
    )


def options(
    underlying: Instrument, *, now: datetime, expiries: int, levels: int
) -> list[Around]:
    """Return the strikes around the money of the next ``expiries``."""
    listed = chain.expiries_of(underlying, positioning.today_of(underlying, now))
    found = (_around(expiry, levels) for expiry in listed[:expiries])
    return [around for around in found if around]


def broker_tokens(chains: Sequence[Around]) -> dict[int, int | None]:
    """Return the broker's number of each option in ``chains``, by our own."""
    sides = (side for one in chains for row in one.strikes for side in _sides(row))
    wanted = [side.instrument_id for side in sides]
    rows = Instrument.objects.filter(pk__in=wanted).order_by()
    return dict(rows.values_list("pk", "broker_token"))


def _sides(row: Strike) -> list[chain.OptionSide]:
    return [side for side in (row.call, row.put) if side]


def _chosen(listed: Sequence[ChainExpiry], name: str) -> ChainExpiry | None:
    if not listed:
        return None
    try:
        return chain.expiry_called(name, listed)
    except chain.UnknownExpiryError:
        return listed[0]


def _around(expiry: ChainExpiry | None, levels: int) -> Around | None:
    if expiry is None:
        return None
    found = chain.snapshot(expiry)
    return Around(found, found.around(levels))
