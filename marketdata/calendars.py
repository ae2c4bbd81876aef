"""The calendars of the exchanges, read from their dated rows."""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from marketdata import expiries
from marketdata.models import (
    ContractExpiry,
    Exchange,
    ExpiryRule,
    Holiday,
    Instrument,
    SessionHours,
)
from marketdata.sessions import Calendar, Hours, Session, Special

# Where the contracts on what an exchange lists are traded, and the other way round.
DERIVATIVES_OF = {"NSE": "NFO", "BSE": "BFO"}
CASH_OF = {"NFO": "NSE", "BFO": "BSE", "CDS": "NSE", "BCD": "BSE"}


@dataclass(slots=True)
class _Rows:
    """The rows of one exchange while they are gathered."""

    hours: list[Hours] = field(default_factory=list)
    special: dict[datetime.date, Special] = field(default_factory=dict)
    festive: set[datetime.date] = field(default_factory=set)


def calendars(codes: Iterable[str] | None = None) -> dict[str, Calendar]:
    """Return the calendar of each exchange, or of the exchanges ``codes``."""
    exchanges = Exchange.objects.all()
    if codes is not None:
        exchanges = exchanges.filter(code__in=list(codes))
    zones = {exchange.code: ZoneInfo(exchange.timezone) for exchange in exchanges}
    rows = {code: _Rows() for code in zones}
    for hours in SessionHours.objects.filter(exchange__in=zones):
        rows[hours.exchange_id].hours.append(_hours(hours))
    for holiday in Holiday.objects.filter(exchange__in=zones):
        _add_holiday(rows[holiday.exchange_id], holiday)
    return {
        code: Calendar(zone, rows[code].hours, rows[code].special, rows[code].festive)
        for code, zone in zones.items()
    }


def calendar_of(code: str) -> Calendar:
    """Return the calendar of one exchange; raise ``Exchange.DoesNotExist``."""
    try:
        return calendars([code])[code]
    except KeyError:
        raise Exchange.DoesNotExist(code) from None


def session_of(instrument: Instrument, day: datetime.date) -> Session | None:
    """Return the session of ``instrument`` on ``day``, as its own segment has it."""
    is_expiring = instrument.is_on_index and instrument.expires_on == day
    return calendar_of(instrument.exchange_id).session_on(
        day, instrument.hours_segment, is_expiring=is_expiring
    )


def expiry_rules(exchange: str, underlying: str) -> list[expiries.Rule]:
    """Return the rules for contracts on ``underlying``: its own, else everybody's."""
    rows = ExpiryRule.objects.filter(
        exchange_id=exchange, underlying__in=["", underlying]
    )
    own = {row.cycle for row in rows if row.underlying}
    return [
        row.as_rule()
        for row in rows
        if row.underlying or (row.cycle == "monthly" and row.cycle not in own)
    ]


def labeled_expiries(
    exchange: str, underlying: str, as_of: datetime.date
) -> list[expiries.Labeled]:
    """Return the labeled expiries of ``underlying`` that had not ended on ``as_of``."""
    rows = ContractExpiry.objects.of(exchange, underlying).from_day(as_of)
    return expiries.labeled([row.as_expiry() for row in rows], as_of)


def exchanges_of(underlying: str) -> list[str]:
    """Return where contracts on ``underlying`` are listed, else where they are due."""
    rows = ContractExpiry.objects.filter(underlying=underlying).order_by("exchange_id")
    found = rows.values_list("exchange_id", flat=True).distinct()
    listed = found.filter(origin=ContractExpiry.Origin.LISTED)
    return list(listed) or list(found)


def _hours(row: SessionHours) -> Hours:
    return Hours(
        weekday=row.weekday,
        opens_at=row.opens_at,
        closes_at=row.closes_at,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        segment=row.segment,
        expiring_closes_at=row.expiring_closes_at,
    )


def _add_holiday(rows: _Rows, holiday: Holiday) -> None:
    if holiday.opens_at is None or holiday.closes_at is None:
        rows.special[holiday.day] = None
        return
    rows.special[holiday.day] = (holiday.opens_at, holiday.closes_at)
    if holiday.is_holiday:
        rows.festive.add(holiday.day)
