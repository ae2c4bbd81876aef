"""Which chain a client means: ``NIFTY@NWeek+0``, ``NSE:NIFTY 50@2026-12-01@5min``.

A label means the expiry that it names when it is asked for; clients are told its date.
"""

from collections.abc import Collection
from datetime import date
from typing import NamedTuple

from django.utils import timezone

from marketdata import chain
from marketdata.chain import ChainExpiry, contracts
from marketdata.consumers.quotes import find_instruments
from marketdata.models import Instrument

NEAREST = "nearest"


class Word(NamedTuple):
    """The parts of what a client says, and of a key of ours: id, day, interval."""

    symbol: str
    expiry: str = ""
    timeframe: str = ""

    @classmethod
    def of(cls, text: str) -> "Word":
        symbol, _, rest = text.partition("@")
        expiry, _, timeframe = rest.partition("@")
        return cls(symbol, expiry, timeframe)

    def __str__(self) -> str:
        return "@".join(self).rstrip("@")


def find(
    words: Collection[str], *, default: str = "", timeframes: Collection[str] = ()
) -> dict[str, tuple[str, str]]:
    """Return (key, canonical name) of the words that mean a listed expiry.

    Who names none means that of ``default``, or no certain one.
    """
    asked = {text: Word.of(text) for text in words}
    underlyings, expiries = _underlyings(asked.values()), Expiries()
    found: dict[str, tuple[str, str]] = {}
    for text, word in asked.items():
        underlying = underlyings.get(word.symbol)
        if underlying is None or word.timeframe not in {"", *timeframes}:
            continue
        name = word.expiry or default
        expiry = expiries.called(underlying, name) if name else None
        if expiry or not name:
            day = expiry.expires_on.isoformat() if expiry else ""
            key = Word(str(underlying.pk), day, word.timeframe)
            found[text] = (str(key), str(key._replace(symbol=str(underlying))))
    return found


class Expiries:
    """The expiries of instruments, each asked for once."""

    def __init__(self) -> None:
        self._now = timezone.now()
        self._listed: dict[int, list[ChainExpiry]] = {}

    def called(self, underlying: Instrument, name: str) -> ChainExpiry | None:
        """Return the expiry of that day or label, or the nearest."""
        if underlying.pk not in self._listed:
            today = contracts.day_of(underlying, self._now)
            self._listed[underlying.pk] = chain.expiries_of(underlying, today)
        listed = self._listed[underlying.pk]
        if name.lower() == NEAREST:
            return listed[0] if listed else None
        try:
            return chain.expiry_called(name, listed)
        except chain.UnknownExpiryError:
            return None


def expiry_of(key: Word) -> ChainExpiry | None:
    """Return the expiry that a key of ours names; None once it has ended."""
    underlying = Instrument.objects.select_related("exchange").get(pk=int(key.symbol))
    listed = chain.expiries_of(underlying, contracts.day_of(underlying, timezone.now()))
    day = date.fromisoformat(key.expiry)
    return next((one for one in listed if one.expires_on == day), None)


def _underlyings(words: Collection[Word]) -> dict[str, Instrument]:
    """Return the instruments by what ``words`` call them."""
    found = find_instruments({word.symbol for word in words})
    keys = [int(key) for key, _ in found.values()]
    by_id = Instrument.objects.select_related("exchange").in_bulk(keys)
    return {symbol: by_id[int(key)] for symbol, (key, _) in found.items()}
