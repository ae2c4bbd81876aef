"""So many calls a second, counted in PostgreSQL for all processes together.

A call is let through when the one so many calls ago is a second old; the row says
when, by the database's clock, and its lock makes the callers come one by one. Where
the database is away nothing is let through: what came could not be written anyway.
"""

import threading

from django.db import connection

from marketdata.models import CallPace
from marketdata.ticker import Candle, Ticker

# A little more than a second: calls travel, and may come closer than they left.
SPAN_S = 1.02
GRANT = """
UPDATE call_paces
   SET granted_at = (array_prepend(clock_timestamp(), granted_at))[1:%(calls)s]
 WHERE name = %(name)s
   AND (cardinality(granted_at) < %(calls)s
        OR granted_at[%(calls)s] <= clock_timestamp() - make_interval(secs => %(span)s))
RETURNING 1
"""
WAIT = """
SELECT extract(epoch FROM granted_at[%(calls)s] + make_interval(secs => %(span)s)
                          - clock_timestamp())::float8
  FROM call_paces WHERE name = %(name)s
"""
LEAST_WAIT_S = 0.005


class Stopped(Exception):  # noqa: N818 - told by name where a wait ends early
    """The process is to end: the turn was not waited for."""


class Pace:
    """The turns of one kind of call."""

    def __init__(self, name: str, calls: int, stopping: threading.Event) -> None:
        self._parameters: dict[str, str | int | float] = {
            "name": name,
            "calls": calls,
            "span": SPAN_S,
        }
        self._stopping = stopping
        self._name = name

    def wait(self) -> None:
        """Return when it is our turn; raise ``Stopped`` when we are to end first."""
        while not self._is_granted():
            if self._stopping.wait(max(self._left_s(), LEAST_WAIT_S)):
                raise Stopped(self._name)

    def _is_granted(self) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(GRANT, self._parameters)
            return cursor.fetchone() is not None

    def _left_s(self) -> float:
        with connection.cursor() as cursor:
            cursor.execute(WAIT, self._parameters)
            row = cursor.fetchone()
        if row is None:
            CallPace.objects.bulk_create(
                [CallPace(name=self._name)], ignore_conflicts=True
            )
            return 0.0
        return row[0] or 0.0


class PacedHistory:
    """The ticker's history, asked at most so often, and once for each turn."""

    def __init__(self, source: Ticker, pace: Pace) -> None:
        self._source = source
        self._pace = pace

    def history(self, token: int, start: float, end: float) -> list[Candle]:
        """Wait for a turn and ask; raise ``TickerError`` when that fails."""
        self._pace.wait()
        return self._source.history(token, start, end, tries=1)
