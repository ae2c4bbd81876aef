"""``/udf/marks`` and ``/udf/timescale_marks``: marks in the chart's own words."""

from collections.abc import Mapping
from typing import Any

from marketdata import history, marks, resolutions
from marketdata.marks import Asked, Mark, Place
from marketdata.models import Instrument
from marketdata.udf.protocol import UdfError, whole_number

_LATEST = 100_000_000_000
SMALLEST = 14


def asked(
    instrument: Instrument, query: Mapping[str, str], *, user_id: int, place: Place
) -> Asked:
    """Return what is asked for; refuse what cannot be a range of a chart."""
    try:
        resolution = resolutions.parse(query.get("resolution", ""))
    except resolutions.UnknownResolutionError:
        raise UdfError("this resolution is not supported") from None
    start, end = _instant(query, "from"), _instant(query, "to")
    if start > end:
        raise UdfError("from must not be after to")
    return Asked(instrument, resolution, start, end, user_id, place)


def on_bars(question: Asked) -> list[dict[str, Any]]:
    return [_mark(mark) for mark in marks.marks(question)]


def on_scale(question: Asked) -> list[dict[str, Any]]:
    return [
        {
            "id": mark.key,
            "time": mark.at,
            "color": mark.color,
            "label": mark.letter,
            "tooltip": list(mark.lines),
        }
        for mark in marks.marks(question)
    ]


def _mark(mark: Mark) -> dict[str, Any]:
    return {
        "id": mark.key,
        "time": mark.at,
        "color": mark.color,
        "text": "\n".join(mark.lines),
        "label": mark.letter,
        "labelFontColor": "#FFFFFF",
        "minSize": SMALLEST,
    }


def _instant(query: Mapping[str, str], name: str) -> int:
    value = whole_number(query, name)
    if value is None:
        raise UdfError(f"{name} is missing")
    if abs(value) > _LATEST:
        raise UdfError(f"{name} is out of range: it is asked for in seconds")
    return min(max(value, history.EARLIEST), history.LATEST)
