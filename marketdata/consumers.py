"""What a socket may follow of the market: the feeds behind ``/ws/…``."""

from collections.abc import Collection, Iterable
from typing import Any

from marketdata import quotes
from marketdata.models import Instrument, Label
from marketdata.models.labels import stream_of
from marketdata.permissions import READ_MARKET
from marketdata.quotes import Quote
from marketdata.serializers.labels import LabelSerializer
from marketdata.udf import names
from tradingsite.streaming.conflated import Feed
from tradingsite.streaming.identity import Principal
from tradingsite.streaming.lossless import LosslessFeed, Pair

# The newest are what a chart can show.
MOST_LABELS = 1000


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


def find_labels(
    principal: Principal, words: Collection[str]
) -> dict[str, tuple[str, str]]:
    """Return the journal streams of one's own labels on these instruments."""
    return {
        word: (stream_of(principal.user_id, int(key)), name)
        for word, (key, name) in find_instruments(words).items()
    }


def own_labels(pairs: Collection[Pair]) -> set[Pair]:
    """Return those pairs whose labels are the principal's own: that never changes."""
    return {
        (principal, stream)
        for principal, stream in pairs
        if stream.startswith(f"labels.{principal.user_id}.")
    }


def labels_on(stream: str) -> Collection[Any]:
    """Return the labels of a journal stream as charts read them, oldest bar first."""
    _, user_id, instrument_id = stream.split(".")
    rows = Label.objects.of_user(int(user_id)).filter(instrument_id=int(instrument_id))
    newest = list(rows.select_related("instrument").reverse()[:MOST_LABELS])
    return list(LabelSerializer(newest[::-1], many=True).data)


QUOTES = Feed(quotes.TOPIC, READ_MARKET, find_instruments, newest_quotes)
LABELS = LosslessFeed("labels", READ_MARKET, find_labels, own_labels, labels_on)
