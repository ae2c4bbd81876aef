"""The process that keeps the map and fills it: look, fill, reconcile, listen.

Any number of them may run: a survey is made by one at a time, a session is claimed
by one, and the pace of calls is that of all together.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.utils import timezone

from marketdata.gaps.filling import fill_next
from marketdata.gaps.pace import Pace, PacedHistory, Stopped
from marketdata.gaps.survey import Surveyor
from marketdata.ticker import Ticker, TickerError, ticker

logger = logging.getLogger(__name__)

SURVEY_S = 20.0
# How long a pass may fill before it looks at everything else again.
FILL_S = 5.0
IDLE_S = 1.0
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 30.0


@dataclass
class Every:
    """Something to be done again after so many seconds."""

    seconds: float
    due_at: float = 0.0

    def is_due(self) -> bool:
        now = time.monotonic()
        if now < self.due_at:
            return False
        self.due_at = now + self.seconds
        return True


@dataclass
class Rounds:
    """One process's rounds; ``chores`` are done as well, each with its own rhythm."""

    stopping: threading.Event = field(default_factory=threading.Event)
    chores: list[tuple[Every, Callable[[Ticker], object]]] = field(default_factory=list)
    attempts: int = 0

    def __post_init__(self) -> None:
        self._surveyor = Surveyor()
        self._survey = Every(SURVEY_S)
        pace = Pace("history", settings.HISTORY_CALLS_A_SECOND, self.stopping)
        self._source = PacedHistory(ticker(), pace)
        self._wait_s = FIRST_WAIT_S

    def run(self) -> None:
        """Go round until told to stop; wait longer while the database is away."""
        try:
            while not self.stopping.is_set():
                self.stopping.wait(self._round_safely())
        except Stopped:
            logger.info("Stopped while it waited for a turn.")
        finally:
            connection.close()

    def _round_safely(self) -> float:
        try:
            wait_s = self.round()
        except DatabaseError as error:
            logger.warning("Gaps wait %.0f s for the database: %s", self._wait_s, error)
            connection.close()
            wait_s = self._wait_s
            self._wait_s = min(self._wait_s * 2, LONGEST_WAIT_S)
        else:
            self._wait_s = FIRST_WAIT_S
        return wait_s

    def round(self) -> float:
        """Do what is due once; return how long there is nothing to do."""
        if self._survey.is_due():
            self._surveyor.survey(timezone.now())
        for rhythm, chore in self.chores:
            if rhythm.is_due():
                self._do(chore)
        return self._fill()

    def _do(self, chore: Callable[[Ticker], object]) -> None:
        try:
            chore(ticker())
        except TickerError as error:
            logger.warning("The ticker does not answer: %s", error)

    def _fill(self) -> float:
        deadline = time.monotonic() + FILL_S
        try:
            while time.monotonic() < deadline and not self.stopping.is_set():
                if not fill_next(self._source):
                    return IDLE_S
                self.attempts += 1
        except TickerError:
            # It was noted on the session; asking for the next one is no use now.
            return IDLE_S
        return 0.0
