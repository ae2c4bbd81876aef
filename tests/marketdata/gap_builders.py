"""Sessions with holes, and ticker services that remember what a test says."""

import datetime
from collections.abc import Iterable

from marketdata.gaps.survey import Surveyor
from marketdata.models import Instrument, MinuteBar, SessionGap
from marketdata.ticker import Candle, TickerError
from tests.marketdata.builders import ist, make_bar, save_bars

# Monday 2026-11-23, in the middle of a session from 09:15 to 15:30.
NOON = ist("2026-11-23 12:00")
EVENING = ist("2026-11-23 18:00")
OPENING = ist("2026-11-23 09:15")
MINUTE = datetime.timedelta(minutes=1)


class Remembering:
    """A ticker service that knows every minute, but for those it does not."""

    def __init__(
        self, *, without: Iterable[int] = (), error: TickerError | None = None
    ) -> None:
        self.asked: list[tuple[int, int, int]] = []
        self.without = set(without)
        self.error = error

    def history(self, token: int, start: float, end: float) -> list[Candle]:
        first, last = (int(at - OPENING.timestamp()) // 60 for at in (start, end))
        self.asked.append((token, first, last))
        if self.error:
            raise self.error
        return [
            Candle(OPENING + minute * MINUTE, 9.0, 9.5, 8.5, 9.0, 7)
            for minute in range(first, last + 1)
            if minute not in self.without
        ]


def store(
    instrument: Instrument, minutes: Iterable[int], *, source: str = "ticks"
) -> None:
    """Save bars, of ticks unless told otherwise, each with a volume of 100."""
    bars = [
        make_bar(instrument, OPENING + minute * MINUTE, 5.0, volume=100)
        for minute in minutes
    ]
    for bar in bars:
        bar.source = source
    save_bars(bars)


def look(now: datetime.datetime = EVENING) -> int:
    return Surveyor().survey(now)


def gap_of(instrument: Instrument) -> SessionGap:
    return SessionGap.objects.get(instrument=instrument, day=OPENING.date())


def bars_of(instrument: Instrument) -> dict[int, tuple[str, int]]:
    """Return source and volume of each stored minute of the session."""
    return {
        int((bar.opened_at - OPENING).total_seconds()) // 60: (bar.source, bar.volume)
        for bar in MinuteBar.objects.for_instrument(instrument.pk)
    }
