"""Finding instruments by what a person types: words, parts of words, typing errors.

Words that are held decide: ``NIFTY 24000 CE`` finds what has all three. Where nothing
holds them all, words that no index or stock has are read as the nearest name that one
has (by trigrams, where the database offers them), and asked again. So ``BANKNFITY
52000 PE`` finds the puts of BANKNIFTY.
"""

import re
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from functools import partial

from django.contrib.postgres.lookups import TrigramWordSimilar
from django.contrib.postgres.search import TrigramWordSimilarity
from django.db import connection, transaction
from django.db.models import Case, F, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import Greatest, Upper

from marketdata.aliases import INDEX_SYMBOLS, canonical
from marketdata.models import Instrument

MOST_WORDS = 8
LONGEST = 128
MOST_CLOSE = 30
# Share of a word's trigrams that a name must have to be looked at closer: two letters
# that changed places leave a short word few of them.
CLOSE_ENOUGH = 0.15
# Share of its letters, in their order, that make it what was meant.
LIKE_ENOUGH = 0.7
_SHORTEST_WORD = 3
_KINDS = (
    Instrument.Kind.INDEX,
    Instrument.Kind.STOCK,
    Instrument.Kind.FUTURE,
    Instrument.Kind.OPTION,
)
# What never is a mistyped name: a strike, a day, a month, a kind of contract.
_NO_NAME = re.compile(
    r"[\d.]+|CE|PE|FUT|CALL|PUT|\d*(JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)\d*"
)


def find(
    text: str, *, limit: int, kinds: Iterable[str] = (), exchange: str = ""
) -> list[Instrument]:
    """Return the active instruments that ``text`` means, best first."""
    if "\0" in text + exchange:
        return []
    active = Instrument.objects.active().select_related("exchange")
    if kinds:
        active = active.filter(kind__in=kinds)
    if exchange:
        active = active.filter(exchange_id=exchange)
    words = text[:LONGEST].upper().replace(":", " ").split()[:MOST_WORDS]
    symbol = text[:LONGEST].upper().rpartition(":")[2].strip()
    found = list(ranked(active.filter(meant(words)), symbol)[:limit])
    if found or not words:
        return found
    for reading in _readings(words):
        best = ranked(active.filter(meant(reading)), " ".join(reading))
        if found := list(best[:limit]):
            break
    return found


def ranked(found: QuerySet[Instrument], symbol: str) -> QuerySet[Instrument]:
    """Order by how well the symbol fits, then plain contracts before derived ones."""
    meant = {symbol, canonical(symbol), INDEX_SYMBOLS.get(canonical(symbol), symbol)}
    fit = Case(
        When(symbol__in=meant, then=Value(0)),
        When(symbol__startswith=symbol, then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    kinds = Case(
        *(When(kind=kind, then=Value(place)) for place, kind in enumerate(_KINDS)),
        output_field=IntegerField(),
    )
    return found.order_by(
        fit, kinds, F("expires_on").asc(nulls_first=True), "symbol", "exchange_id"
    )


def _readings(words: list[str]) -> Iterator[list[str]]:
    """Yield what may have been meant: each word mended, then all names as one."""
    yield [_nearest(word) for word in words]
    names = [word for word in words if not _NO_NAME.fullmatch(word)]
    if len(names) > 1:
        rest = [word for word in words if _NO_NAME.fullmatch(word)]
        yield [_nearest("".join(names)), *rest]


def meant(words: list[str]) -> Q:
    """Return the condition of holding every word, or the name they are an alias of."""
    said = " ".join(words)
    alias = canonical(said)
    names = {alias, INDEX_SYMBOLS.get(alias, alias)} - {said}
    return _held(words) | Q(symbol__in=names) if names else _held(words)


def _held(words: list[str]) -> Q:
    condition = Q()
    for word in words:
        condition &= (
            Q(symbol__contains=word) | Q(name__icontains=word) | Q(exchange_id=word)
        )
    return condition


def _nearest(word: str) -> str:
    """Return the name of an index or stock, or a word of it, that ``word`` is close to.

    Itself when there is none: a word of a long name stands for that word alone, since
    many names have it.
    """
    if len(word) < _SHORTEST_WORD or _NO_NAME.fullmatch(word) or not _has_trigrams():
        return word
    plain = Instrument.objects.active().filter(kind__in=["index", "stock"])
    if plain.filter(_held([word])).exists() or _was_listed(word):
        return word
    # Trigrams find what is close; letter by letter it is seen what is closest.
    texts = [text for one in _close(word, plain) for text in _names(one)]
    nearest = max(texts, key=partial(_likeness, word), default=word)
    return nearest if _likeness(word, nearest) >= LIKE_ENOUGH else word


def _close(word: str, among: QuerySet[Instrument]) -> list[Instrument]:
    name = Upper("name")
    with transaction.atomic(), connection.cursor() as cursor:
        # For this transaction alone: poolers hand the connection on.
        cursor.execute(
            "SELECT set_config('pg_trgm.word_similarity_threshold', %s, true)",
            [str(CLOSE_ENOUGH)],
        )
        close = among.filter(
            Q(TrigramWordSimilar(F("symbol"), Value(word)))
            | Q(TrigramWordSimilar(name, Value(word)))
        ).annotate(
            closeness=Greatest(
                TrigramWordSimilarity(word, "symbol"),
                TrigramWordSimilarity(word, name),
            )
        )
        ranked_close = close.order_by(
            "-closeness", "-has_derivatives", "symbol", "exchange_id"
        )
        return list(ranked_close[:MOST_CLOSE])


def _names(one: Instrument) -> list[str]:
    """Return what ``one`` is called, whole names first."""
    index = canonical(one.symbol)
    whole = [index, one.symbol] if index in INDEX_SYMBOLS else [one.symbol]
    return [*whole, *one.name.upper().split()]


def _likeness(word: str, text: str) -> float:
    return SequenceMatcher(None, word, text).ratio()


def _was_listed(symbol: str) -> bool:
    """Tell whether it is the true name of what is no longer traded."""
    return Instrument.objects.filter(symbol=symbol, is_active=False).exists()


def _has_trigrams() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = %s)", ["pg_trgm"]
        )
        (there,) = cursor.fetchone()
    return bool(there)
