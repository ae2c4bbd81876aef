"""The scheduled work of orders: finding the books that nobody reads."""

from datetime import datetime

from celery import shared_task
from django.utils import timezone

from orders.models import OrderBook
from tradingsite.scheduling import once_per_due_time


@shared_task(bind=True)
@once_per_due_time
def note_silent_books(_due_at: datetime) -> None:
    """Tell those who follow orders that their follower is gone, where it is.

    Who reads a book notes its failures; when nobody does, nobody would.
    """
    OrderBook.objects.note_silence(timezone.now())
