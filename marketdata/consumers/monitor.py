"""The monitor of an underlying: its day, its futures, its options around the money."""

from collections.abc import Collection

from django.utils import timezone

from marketdata import monitor, overview
from marketdata.consumers.expiries import Word, find
from marketdata.models import Instrument
from marketdata.permissions import READ_MARKET
from marketdata.serializers import sight
from tradingsite.streaming.families import Family
from tradingsite.streaming.polled import PolledFeed


def find_sights(words: Collection[str]) -> dict[str, tuple[str, str]]:
    """Return (key, canonical name) of what can be watched: ``NIFTY@2026-12-01``.

    Without an expiry the nearest is shown, whichever that is as time goes on.
    """
    return find(words)


def sight_family(key: str, before: Family | None) -> Family:
    """Return what the monitor shows now."""
    word, now = Word.of(key), timezone.now()
    underlying = Instrument.objects.select_related("exchange").get(pk=int(word.symbol))
    found = monitor.look(underlying, now=now, expiry=word.expiry)
    feed = overview.feed(now, {underlying.exchange_id})
    return Family(
        sight.parts_of(found, feed), sight.seen_at(found, feed), overview.SILENT_AFTER_S
    )


MONITOR = PolledFeed("monitor", READ_MARKET, find_sights, sight_family)
