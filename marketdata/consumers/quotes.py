"""Last prices, and how instruments are found by what clients call them."""

from collections.abc import Collection

from marketdata import quotes
from marketdata.permissions import READ_MARKET
from marketdata.quotes import Quote
from marketdata.udf import names
from tradingsite.streaming.conflated import Feed


def find_instruments(words: Collection[str]) -> dict[str, tuple[str, str]]:
    """Return (id, canonical name) of what ``words`` call instruments."""
    found = names.find_all(words)
    return {word: (str(one.pk), str(one)) for word, one in found.items()}


def newest_quotes(keys: Collection[str]) -> dict[str, Quote]:
    """Return the quotes by instrument id, as text."""
    found = quotes.last_quotes(map(int, keys))
    return {str(number): quote for number, quote in found.items()}


QUOTES = Feed(quotes.TOPIC, READ_MARKET, find_instruments, newest_quotes)
