"""Which expiries an underlying has options for, and when each of them stops."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from marketdata import calendars, expiries
from marketdata.models import Instrument

# Index options stop then at the latest, whatever longer hours others keep; and any
# option where no session is known for the day.
_USUAL_END = time(15, 30)


class UnknownExpiryError(LookupError):
    """Neither a listed day nor a label of one."""


@dataclass(frozen=True, slots=True)
class ChainExpiry:
    """One expiry of an underlying's options, seen from a day."""

    underlying: Instrument
    labeled: expiries.Labeled

    @property
    def expires_on(self) -> date:
        return self.labeled.expiry.expires_on

    @property
    def label(self) -> str:
        return self.labeled.label

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.underlying.exchange.timezone)

    def ends_at(self) -> datetime:
        """Return the instant at which its options stop, by the dated calendar."""
        options = Instrument.objects.filter(
            underlying=self.underlying,
            expires_on=self.expires_on,
            kind=Instrument.Kind.OPTION,
        )
        option = options.select_related("exchange", "underlying").first()
        usual = datetime.combine(self.expires_on, _USUAL_END, self.zone)
        if option is None:
            return usual
        session = calendars.session_of(option, self.expires_on)
        if session is None:
            return usual
        return (
            min(session.closes_at, usual) if option.is_on_index else session.closes_at
        )


def day_of(underlying: Instrument, at: datetime) -> date:
    """Return the date at ``at`` on the clock of the underlying's exchange."""
    return at.astimezone(ZoneInfo(underlying.exchange.timezone)).date()


def expiries_of(underlying: Instrument, as_of: date) -> list[ChainExpiry]:
    """Return the expiries that had not ended on ``as_of``, nearest first, labeled."""
    listed = Instrument.objects.filter(
        underlying=underlying, kind=Instrument.Kind.OPTION, expires_on__gte=as_of
    )
    rows = listed.order_by("expires_on").values_list("expires_on", "exchange_id")
    days = dict(rows.distinct())
    if not days:
        return []
    exchange = next(iter(days.values()))
    rules = calendars.expiry_rules(exchange, underlying.underlying_name)
    known = [expiries.classified(day, rules) for day in days if day is not None]
    return [ChainExpiry(underlying, one) for one in expiries.labeled(known, as_of)]


def expiry_called(name: str, among: Sequence[ChainExpiry]) -> ChainExpiry:
    """Return the expiry of that day (``2026-11-24``) or label (``NWeek+0``)."""
    found = expiries.called(name, (one.labeled for one in among))
    for one in among:
        if one.labeled is found or one.expires_on.isoformat() == name:
            return one
    raise UnknownExpiryError(name)
