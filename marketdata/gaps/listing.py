"""Reading the gap map: which sessions lack what, and how far all of it is."""

import datetime
from dataclasses import asdict, dataclass

from django.db import transaction
from django.db.models import (
    Case,
    Count,
    F,
    Func,
    IntegerField,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Least, Now
from django.http import HttpRequest

from marketdata.gaps.filling import LEASE
from marketdata.models import SessionGap
from marketdata.models.gaps import SessionGapQuerySet
from tradingsite.auditing import tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which part of the map is looked at; what is empty does not narrow."""

    exchange: str = ""
    symbol: str = ""
    day: datetime.date | None = None
    from_day: datetime.date | None = None
    to_day: datetime.date | None = None
    status: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How much of the sessions of one day on one exchange is there."""

    day: datetime.date
    exchange: str
    sessions: int
    open: int
    quiet: int
    expected: int
    missing: int
    quiet_minutes: int

    @property
    def stored(self) -> int:
        return self.expected - self.missing - self.quiet_minutes

    @property
    def percent(self) -> float:
        """Return how much is answered for; what is not whole is never 100."""
        if not self.expected:
            return 100.0
        answered = 100 * (self.expected - self.missing) / self.expected
        return min(answered, 99.9) if self.missing else 100.0


def gaps(chosen: Filter) -> QuerySet[SessionGap]:
    """Return the sessions that lack something, newest day and most urgent first."""
    found = _chosen(chosen)
    if not chosen.status:
        found = found.lacking()
    return found.select_related("instrument").order_by(
        "-day", Case(When(status="open", then=0), default=1), "priority", "instrument"
    )


def progress(chosen: Filter) -> list[Progress]:
    """Return each day and exchange of the map, newest first, in one query."""
    minutes = Func(
        F("surveyed_until") - F("opens_at"),
        template="(extract(epoch FROM %(expressions)s) / 60)::int",
        output_field=IntegerField(),
    )
    rows = (
        _chosen(chosen)
        .values("day", "instrument__exchange_id")
        .annotate(
            sessions=Count("id"),
            open=Count("id", filter=Q(status="open")),
            is_quiet=Count("id", filter=Q(status="quiet")),
            looked_at=Sum(minutes),
            lacking=Sum(_length("missing")),
            without_trades=Sum(_length("quiet")),
        )
        .order_by("-day", "instrument__exchange_id")
    )
    return [
        Progress(
            row["day"],
            row["instrument__exchange_id"],
            row["sessions"],
            row["open"],
            row["is_quiet"],
            row["looked_at"],
            row["lacking"],
            row["without_trades"],
        )
        for row in rows
    ]


@transaction.atomic
def repair_now(chosen: Filter, *, source: HttpRequest | None) -> int:
    """Let everything that is missing be asked for now, quiet minutes too.

    A whole map of it stands behind what somebody waits for by name. ``source`` is
    the request of whoever asks; the audit tells it.
    """
    waiting = _chosen(chosen).lacking().filter(next_attempt_at__gt=Now())
    # What is being asked for at this moment is left to who asks.
    is_asked = Q(asked_at__isnull=False, next_attempt_at=F("asked_at") + LEASE)
    priority = (
        SessionGap.Priority.ASKED if chosen.symbol else SessionGap.Priority.STEADY
    )
    sessions = waiting.exclude(is_asked).update(
        next_attempt_at=Now(), priority=Least(F("priority"), Value(priority))
    )
    given = {name: value for name, value in asdict(chosen).items() if value}
    asked = {**given, "sessions": sessions}
    tell("gaps.repair_requested", source=source, target="Gap map", after=asked)
    return sessions


def _length(column: str) -> Func:
    return Func(F(column), function="cardinality", output_field=IntegerField())


def _chosen(chosen: Filter) -> SessionGapQuerySet:
    wanted = {
        "instrument__exchange_id": chosen.exchange.upper(),
        "day": chosen.day,
        "day__gte": chosen.from_day,
        "day__lte": chosen.to_day,
        "status": chosen.status,
        "reason": chosen.reason,
    }
    found = SessionGapQuerySet(SessionGap).filter(
        **{name: value for name, value in wanted.items() if value}
    )
    if not chosen.symbol:
        return found
    exchange, colon, name = chosen.symbol.upper().rpartition(":")
    found = found.filter(instrument__symbol=name)
    return found.filter(instrument__exchange_id=exchange) if colon else found
