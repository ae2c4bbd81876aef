"""When the markets of an account are open, by the dated calendars of its exchanges."""

import datetime
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from django.db.models import Q

from accounts.models import AccountSnapshot, Holding, Position, TradingAccount
from marketdata.calendars import calendars
from marketdata.sessions import ONE_DAY, Calendar, Session

# How long after a close the day's end is still recorded, when nobody did in time.
CATCH_UP = datetime.timedelta(hours=2)
# The broker's last fills of a day arrive after the bell.
AFTER_CLOSE = datetime.timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Due:
    """A snapshot that should be taken: for which instant and day, and why."""

    taken_at: datetime.datetime
    day: datetime.date
    kind: str


def calendars_of(accounts: Collection[TradingAccount]) -> dict[int, list[Calendar]]:
    """Return the calendars of where each account has something, by its pk.

    Of an account that has nothing yet, and of exchanges that we do not know, those
    of all exchanges: better looked at too often than not at all.
    """
    known = calendars()
    found: dict[int, set[str]] = {account.pk: set() for account in accounts}
    for model in (Position, Holding):
        rows = model.objects.filter(account__in=found)
        if model is Position:
            rows = rows.filter(~Q(quantity=0))
        for pk, code in rows.values_list("account_id", "exchange").distinct():
            found[pk].add(code)
    return {pk: _places(known, codes) for pk, codes in found.items()}


def calendars_at(codes: Collection[str]) -> list[Calendar]:
    """Return the calendars of these exchanges, or of all when we know none of them."""
    return _places(calendars(), codes)


def _places(known: Mapping[str, Calendar], codes: Collection[str]) -> list[Calendar]:
    return [known[code] for code in known.keys() & codes] or list(known.values())


def is_open(places: Collection[Calendar], at: datetime.datetime) -> bool:
    """Tell whether any market is open at ``at``, or closed a moment ago."""
    return any(
        session.opens_at <= at < session.closes_at + AFTER_CLOSE
        for _day, session in _sessions(places, at)
    )


def open_until(
    places: Collection[Calendar], at: datetime.datetime
) -> datetime.datetime | None:
    """Return when the last of the markets that are open at ``at`` closes."""
    closes = [one.closes_at for _day, one in _sessions(places, at) if one.contains(at)]
    return max(closes, default=None)


def watched(
    places: Collection[Calendar], at: datetime.datetime
) -> list[tuple[datetime.datetime, datetime.datetime]]:
    """Return from when until when brokers were to be asked, today and yesterday."""
    return [
        (session.opens_at, min(at, session.closes_at + AFTER_CLOSE))
        for _day, session in _sessions(places, at)
        if session.opens_at <= at
    ]


def snapshots_due(places: Collection[Calendar], at: datetime.datetime) -> list[Due]:
    """Return what is due at ``at``: a day that closed, an instant in session.

    A day ends with the last close of its markets. One that was missed is due until
    the next opening, two hours at most: until then nothing has moved.
    """
    sessions = list(_sessions(places, at))
    dues = [*_day_ends(sessions, at)]
    today = [day for day, session in sessions if session.contains(at)]
    if today:
        dues.append(Due(at, max(today), AccountSnapshot.Kind.INTERVAL))
    return dues


def _day_ends(
    sessions: list[tuple[datetime.date, Session]], at: datetime.datetime
) -> Iterator[Due]:
    closes: dict[datetime.date, datetime.datetime] = {}
    for day, session in sessions:
        closes[day] = max(closes.get(day, session.closes_at), session.closes_at)
    for day, closed_at in closes.items():
        has_opened = any(closed_at <= one.opens_at < at for _day, one in sessions)
        if closed_at <= at <= closed_at + CATCH_UP and not has_opened:
            yield Due(closed_at, day, AccountSnapshot.Kind.DAY_END)


def _sessions(
    places: Collection[Calendar], at: datetime.datetime
) -> Iterator[tuple[datetime.date, Session]]:
    for place in places:
        today = place.day_of(at)
        for day in (today - ONE_DAY, today):
            session = place.session_on(day)
            if session is not None:
                yield day, session
