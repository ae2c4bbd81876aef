"""The expiries that the rules ask for, in the years whose holidays are known.

What the exchange lists decides; a rule only foretells what is not listed yet. So a
foretold day goes away when the listing has the same expiry on another day, and is
counted anew whenever holidays or rules change.
"""

import datetime
from collections.abc import Iterable

from django.db import transaction
from django.db.models.functions import ExtractYear

from marketdata import expiries
from marketdata.calendars import calendars, expiry_rules
from marketdata.models import ContractExpiry, ExpiryRule, Holiday

Underlying = tuple[str, str]


@transaction.atomic
def foretell() -> int:
    """Bring the foretold expiries of every exchange up to date."""
    underlyings = (
        ExpiryRule.objects.exclude(underlying="")
        .order_by("exchange_id", "underlying")
        .values_list("exchange_id", "underlying")
        .distinct()
    )
    known = calendars({exchange for exchange, _ in underlyings})
    written = 0
    for exchange, underlying in underlyings:
        rules = expiry_rules(exchange, underlying)
        due = [
            expiry
            for year in _known_years(exchange)
            for expiry in expiries.scheduled(
                rules,
                datetime.date(year, 1, 1),
                datetime.date(year, 12, 31),
                known[exchange].is_business_day,
            )
        ]
        written += _keep((exchange, underlying), due)
    return written


@transaction.atomic
def learn(listed: dict[Underlying, set[datetime.date]]) -> int:
    """Keep the expiries that an exchange lists; return how many were new."""
    written = 0
    for (exchange, underlying), days in listed.items():
        rules = expiry_rules(exchange, underlying)
        known = set(
            ContractExpiry.objects.of(exchange, underlying)
            .filter(origin=ContractExpiry.Origin.LISTED)
            .values_list("expires_on", flat=True)
        )
        found = [expiries.classified(day, rules) for day in sorted(days - known)]
        _write((exchange, underlying), found, ContractExpiry.Origin.LISTED)
        _forget_moved((exchange, underlying))
        written += len(found)
    return written


def _known_years(exchange: str) -> list[int]:
    """Return the years whose closed days somebody has entered."""
    years = (
        Holiday.objects.filter(exchange_id=exchange, opens_at__isnull=True)
        .annotate(year=ExtractYear("day"))
        .order_by("year")
        .values_list("year", flat=True)
        .distinct()
    )
    return list(years)


def _keep(underlying: Underlying, due: list[expiries.Expiry]) -> int:
    rows = ContractExpiry.objects.of(*underlying)
    foretold = rows.filter(origin=ContractExpiry.Origin.RULE)
    foretold.exclude(expires_on__in=[expiry.expires_on for expiry in due]).delete()
    known = set(rows.values_list("nominal_on", flat=True))
    new = [expiry for expiry in due if expiry.nominal_on not in known]
    _write(underlying, new, ContractExpiry.Origin.RULE)
    return len(new)


def _forget_moved(underlying: Underlying) -> None:
    """Drop what was foretold for an expiry that is listed on another day."""
    rows = ContractExpiry.objects.of(*underlying)
    listed = rows.filter(origin=ContractExpiry.Origin.LISTED)
    rows.filter(
        origin=ContractExpiry.Origin.RULE,
        nominal_on__in=listed.values("nominal_on"),
    ).delete()


def _write(
    underlying: Underlying, found: Iterable[expiries.Expiry], origin: str
) -> None:
    exchange, name = underlying
    ContractExpiry.objects.bulk_create(
        [
            ContractExpiry(
                exchange_id=exchange,
                underlying=name,
                expires_on=expiry.expires_on,
                nominal_on=expiry.nominal_on,
                cycle=expiry.cycle,
                origin=origin,
            )
            for expiry in found
        ],
        update_conflicts=True,
        unique_fields=["exchange", "underlying", "expires_on"],
        update_fields=["nominal_on", "cycle", "origin"],
    )
