"""Option chains: as they stand now, and interval by interval when each is over."""

from collections.abc import Collection

from django.utils import timezone

from marketdata import calendars
from marketdata.chain import ChainExpiry, closed, rows
from marketdata.chain.snapshot import of_rows
from marketdata.consumers.expiries import NEAREST, Word, expiry_of, find
from marketdata.overview import SILENT_AFTER_S
from marketdata.permissions import READ_MARKET
from marketdata.serializers.options import streamed
from tradingsite.streaming.families import Family
from tradingsite.streaming.polled import PolledFeed

TIMEFRAMES = {"1min": 1, "5min": 5, "15min": 15}
# How long after its end an interval is written, and looked for.
_LATE_S = 15.0
_ENDED = Family({}, None)


def find_chains(words: Collection[str]) -> dict[str, tuple[str, str]]:
    """Return (key, canonical name) of the words that mean a listed expiry."""
    return find(words, default=NEAREST, timeframes=TIMEFRAMES)


def chain_family(key: str, before: Family | None) -> Family:
    """Return what the chain, or the newest interval of it, says."""
    word = Word.of(key)
    expiry = expiry_of(word)
    if expiry is None:
        return before or _ENDED
    if word.timeframe:
        return _closed(expiry, TIMEFRAMES[word.timeframe], before)
    return _live(expiry, before)


def _live(expiry: ChainExpiry, before: Family | None) -> Family:
    now = timezone.now()
    found, spot = rows.read(expiry, now, is_now=True)
    exchange = expiry.underlying.exchange_id
    is_open = calendars.calendars([exchange])[exchange].is_open(now)
    basis = (expiry, found, spot, is_open)
    if before and before.basis == basis:
        return before
    chain = of_rows(expiry, now, found, spot)
    seen_at = chain.observed_at
    return Family(
        streamed.parts_of(chain, is_open=is_open),
        seen_at.timestamp() if seen_at else None,
        SILENT_AFTER_S,
        basis,
    )


def _closed(expiry: ChainExpiry, minutes: int, before: Family | None) -> Family:
    opened_at = closed.newest_opened_at(expiry, minutes, timezone.now())
    if opened_at is None:
        return before or _ENDED
    if before and before.basis == opened_at:
        return before
    pages = closed.pages(expiry, minutes, opened_at)
    size_s = 60.0 * minutes
    return Family(
        {str(page["page"]): page for page in pages},
        opened_at.timestamp() + size_s,
        size_s + _LATE_S,
        opened_at,
    )


OPTIONS = PolledFeed("options", READ_MARKET, find_chains, chain_family)
