"""Last prices, and how instruments are found by what clients call them."""

from collections.abc import Collection, Iterable

from marketdata import quotes
from marketdata.models import Instrument
from marketdata.permissions import READ_MARKET
from marketdata.quotes import Quote
from marketdata.udf import names
from tradingsite.streaming.conflated import Feed


def find_instruments(words: Collection[str]) -> dict[str, tuple[str, str]]:
    """Return (id, canonical name) of what ``words`` call instruments.

    What is asked for by its canonical name is found in one query.
    """
    found = _canonical(words)
    for word in words:
        if word not in found and (instrument := _by_other_name(word)):
            found[word] = instrument
    return {word: (str(one.pk), str(one)) for word, one in found.items()}


def newest_quotes(keys: Collection[str]) -> dict[str, Quote]:
    """Return the quotes by instrument id, as text."""
    found = quotes.last_quotes(map(int, keys))
    return {str(number): quote for number, quote in found.items()}


def _canonical(words: Iterable[str]) -> dict[str, Instrument]:
    pairs = {word: word.upper().partition(":") for word in words if "\0" not in word}
    candidates = Instrument.objects.filter(
        exchange_id__in={exchange for exchange, _, _ in pairs.values()},
        symbol__in={symbol for _, _, symbol in pairs.values()},
    )
    by_name = {str(instrument): instrument for instrument in candidates}
    return {word: by_name[word.upper()] for word in pairs if word.upper() in by_name}


def _by_other_name(word: str) -> Instrument | None:
    try:
        return names.find(word)
    except (Instrument.DoesNotExist, names.AmbiguousSymbolError):
        return None


QUOTES = Feed(quotes.TOPIC, READ_MARKET, find_instruments, newest_quotes)
