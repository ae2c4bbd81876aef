"""A user's own labels on an instrument, each change of them once."""

from collections.abc import Collection
from typing import Any

from marketdata.consumers.quotes import find_instruments
from marketdata.models import Label
from marketdata.models.labels import stream_of
from marketdata.permissions import READ_MARKET
from marketdata.serializers.labels import LabelSerializer
from tradingsite.streaming.identity import Principal
from tradingsite.streaming.lossless import LosslessFeed, Pair

# The newest are what a chart can show.
MOST_LABELS = 1000


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


LABELS = LosslessFeed("labels", READ_MARKET, find_labels, own_labels, labels_on)
