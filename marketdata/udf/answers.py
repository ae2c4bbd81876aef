"""``/udf/history`` from what is at hand: the same bodies as ``bars``, without waiting.

Only plain questions are read here: known parameters, each once, well-formed. All
others, and all that end in an error, are for the view. An answer about closed days
is kept whole, by the text of its question.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import unquote_plus

from marketdata.history import charted, fragments, source
from marketdata.history.asking import Fresh, Need, OutOfReach, Wanted
from marketdata.history.charted import Charted
from marketdata.history.memory import Kept
from marketdata.history.serving import SETTLED_S, Serving
from marketdata.history.watch import Seen
from marketdata.models import Instrument
from marketdata.udf import bars, names
from marketdata.udf.bars import NO_DATA, NO_DATA_SINCE, Question
from marketdata.udf.protocol import UdfError

_PLAIN = {
    "symbol": re.compile(r"[A-Za-z0-9:.&^ !_-]{1,64}"),
    "resolution": re.compile(r"[0-9A-Z]{1,3}"),
    "from": re.compile(r"-?[0-9]{1,12}"),
    "to": re.compile(r"-?[0-9]{1,12}"),
    "countback": re.compile(r"[0-9]{1,12}"),
}
LONGEST_QUESTION = 512
# What an answer costs beside its bytes, and a name with its chart.
OVERHEAD = 400
NAME_SIZE = 1000


@dataclass(slots=True)
class Asked:
    """A plain question, and what has been found out for it so far."""

    text: bytes
    symbol: str
    question: Question
    fresh: Fresh = field(default_factory=Fresh)
    body: bytes | None = None
    is_unknown: bool = False


@dataclass(frozen=True, slots=True)
class Body:
    """An answer, whose it is, and up to which look it is known to be right."""

    text: bytes
    instrument_id: int
    look: int


def read(text: bytes) -> Asked | None:
    """Return the question of a query string, None when it is not a plain one."""
    if len(text) > LONGEST_QUESTION:
        return None
    pairs = [pair.partition("=") for pair in text.decode("latin-1").split("&")]
    asked = {name: unquote_plus(value) for name, _, value in pairs}
    is_plain = len(asked) == len(pairs) and all(
        name in _PLAIN and _PLAIN[name].fullmatch(value)
        for name, value in asked.items()
    )
    # A key in an address is the view's to refuse, and to revoke.
    if not is_plain or "symbol" not in asked or "tsk_" in asked["symbol"]:
        return None
    try:
        return Asked(text, asked["symbol"], Question.read(asked))
    except UdfError:
        return None


class Answers:
    """What one process can answer at once; of the event loop only."""

    def __init__(self, capacity: int) -> None:
        self.serving = Serving(capacity // 2)
        self._bodies: Kept[bytes, Body] = Kept(capacity // 4)
        self._names: Kept[str, Charted] = Kept(capacity // 16)

    def known(self, text: bytes) -> bytes | None:
        """Return the answer to a question that was asked before."""
        found = self._bodies.get(text)
        if found is None:
            return None
        if self.serving.has_changed(found.instrument_id, since=found.look):
            self._bodies.drop(text)
            return None
        return found.text

    def step(self, asked: Asked, now: float) -> bytes | Need | None:
        """Return the answer, what it needs first, or None: the view must answer."""
        if asked.is_unknown:
            return None
        chart = self._names.get(asked.symbol)
        if chart is None:
            return self._name(asked, now)
        if asked.body is None and asked.question.resolution.is_intraday:
            try:
                found = self._put_together(asked.question, chart, asked.fresh, now)
            except OutOfReach:
                return self._whole(asked, chart)
        else:
            found = asked.body or self._whole(asked, chart)
        if isinstance(found, bytes) and self._is_closed(asked.question, chart, now):
            self._keep(asked.text, found, chart.id)
        return found

    def take_look(self, seen: Seen) -> None:
        """Forget the answers that the changes touch."""
        if self.serving.take_look(seen):
            self._names.clear()
            self._bodies.clear()

    def _put_together(
        self, question: Question, chart: Charted, fresh: Fresh, now: float
    ) -> bytes | Need:
        found = self.serving.gather(_wanted(question, chart), fresh, now)
        if isinstance(found, Need):
            return found
        if found.count:
            return fragments.body(found)
        if question.countback is not None or question.start is None:
            return NO_DATA
        earlier = Wanted.of(
            chart, question.resolution, source.EARLIEST, question.start, 1
        )
        before = self.serving.gather(earlier, fresh, now)
        if isinstance(before, Need):
            return before
        return NO_DATA_SINCE % before.last_at if before.count else NO_DATA

    def _name(self, asked: Asked, now: float) -> Need:
        symbol, look = asked.symbol, self.serving.looks
        closed_before = int(now) - SETTLED_S

        def take(found: Charted | None) -> None:
            if found is None:
                asked.is_unknown = True
                return
            if not self.serving.has_changed(found.id, since=look):
                self._names.put(symbol, self.serving.know(found), NAME_SIZE)

        return self.serving.need(("name", symbol), _found(symbol, closed_before), take)

    def _whole(self, asked: Asked, chart: Charted) -> Need:
        """Ask PostgreSQL for all of it, as the view would."""

        def take(body: bytes) -> None:
            asked.body = body

        return self.serving.need(
            ("whole", asked.text, id(asked)),
            lambda: bars.body(chart.instrument, asked.question),
            take,
            of=chart.id,
        )

    def _is_closed(self, question: Question, chart: Charted, now: float) -> bool:
        end = min(max(question.end, source.EARLIEST), source.LATEST)
        end = source.reach(question.resolution, chart.zone, end, now)
        if not question.resolution.is_intraday:
            after = question.resolution.day_after(
                datetime.fromtimestamp(end, UTC).date()
            )
            end = chart.midnight(after.toordinal())
        return self.serving.is_closed(chart, end, now)

    def _keep(self, text: bytes, body: bytes, instrument_id: int) -> None:
        kept = Body(body, instrument_id, self.serving.looks)
        self._bodies.put(text, kept, len(body) + len(text) + OVERHEAD)


def _wanted(question: Question, chart: Charted) -> Wanted:
    if question.countback is None:
        start, limit = question.start or 0, source.MAX_BARS
    else:
        start, limit = source.EARLIEST, question.countback
    return Wanted.of(chart, question.resolution, start, question.end, limit)


def _found(symbol: str, closed_before: int) -> Callable[[], Charted | None]:
    def find() -> Charted | None:
        try:
            instrument = names.find(symbol)
        except (Instrument.DoesNotExist, names.AmbiguousSymbolError):
            return None
        return charted.charted(instrument, closed_before)

    return find
