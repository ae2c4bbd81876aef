"""``/udf/history``: which bars a question means, and the body that carries them.

``to`` is exclusive. ``countback`` has priority over ``from``: it asks for exactly so
many bars before ``to``, or for all there are. Without bars in the range, ``nextTime``
(in seconds) says where the last bar before it stands; its absence, that the history
begins later than ``to``.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from marketdata import history, resolutions
from marketdata.history import Columns
from marketdata.models import Instrument
from marketdata.resolutions import Resolution
from marketdata.udf.protocol import UdfError, whole_number

# Past this a number can only be milliseconds, or a mistake.
_LATEST = 100_000_000_000
NO_DATA = b'{"s":"no_data"}'
NO_DATA_SINCE = b'{"s":"no_data","nextTime":%d}'


@dataclass(frozen=True, slots=True)
class Question:
    """The range of bars that is asked for, in epoch seconds."""

    resolution: Resolution
    start: int | None
    end: int
    countback: int | None

    @classmethod
    def read(cls, asked: Mapping[str, str]) -> "Question":
        end, start = _instant(asked, "to"), _instant(asked, "from")
        countback = whole_number(asked, "countback")
        if end is None:
            raise UdfError("to is missing")
        if countback is not None and countback < 1:
            raise UdfError("countback must be at least 1")
        if start is None and countback is None:
            raise UdfError("from or countback is missing")
        if start is not None and start > end:
            raise UdfError("from must not be after to")
        return cls(_resolution(asked), start, end, countback)


def body(instrument: Instrument, question: Question) -> bytes:
    """Return the protocol's answer, ready to be sent."""
    columns = _asked(instrument, question)
    if columns.count:
        return _ok(columns)
    if question.countback is not None or question.start is None:
        return NO_DATA
    before = history.newest(instrument, question.resolution, question.start, 1)
    return NO_DATA_SINCE % int(before.opened_at) if before.count else NO_DATA


def _asked(instrument: Instrument, question: Question) -> Columns:
    if question.countback is not None:
        return history.newest(
            instrument, question.resolution, question.end, question.countback
        )
    return history.between(
        instrument, question.resolution, question.start or 0, question.end
    )


def _ok(bars: Columns) -> bytes:
    return (
        f'{{"s":"ok","t":[{bars.opened_at}],"o":[{bars.open}],"h":[{bars.high}],'
        f'"l":[{bars.low}],"c":[{bars.close}],"v":[{bars.volume}]}}'
    ).encode()


def _instant(asked: Mapping[str, str], name: str) -> int | None:
    value = whole_number(asked, name)
    if value is not None and abs(value) > _LATEST:
        raise UdfError(f"{name} is out of range: it is asked for in seconds")
    return value


def _resolution(asked: Mapping[str, str]) -> Resolution:
    name = asked.get("resolution", "")
    try:
        return resolutions.parse(name)
    except resolutions.UnknownResolutionError:
        raise UdfError("this resolution is not supported") from None
