"""The scheduled work of the market."""

from datetime import datetime

from celery import shared_task

from marketdata.imports import instruments
from marketdata.rollups import roll_up
from marketdata.ticker import ticker
from tradingsite.scheduling import once_per_due_time

# What one run does at most; the rest waits for the next one.
MINUTES_A_RUN = 100_000


@shared_task(bind=True)
@once_per_due_time
def roll_up_bars(_due_at: datetime) -> None:
    """Make larger bars of the minutes that changed since the last run."""
    roll_up(most=MINUTES_A_RUN)


@shared_task(bind=True)
@once_per_due_time
def refresh_instruments(_due_at: datetime) -> None:
    """Take over what changed in the ticker service's list of instruments.

    The list is complete: what it no longer has is no longer traded. A list that
    seems to be cut off, or cannot be read, changes nothing and fails the task.
    """
    listed = instruments.parse(ticker().instruments())
    instruments.load(listed, source="ticker service", is_complete=True)
