"""The lines of the chain table, every figure written out.

A whole chain has six thousand of them: written here once each, they cost a fifth of
what a template asks for a filter, an escape and a condition per cell. They are safe
as they are: digits and signs of our own.
"""

from collections.abc import Sequence

from django.utils.safestring import SafeString

from marketdata.chain import OptionSide, Strike
from tradingsite.templatetags.figures import ABSENT, MINUS, clock, compact, price

Cells = dict[str, SafeString | bool]
# What a strike without a contract on one side shows there.
_NOBODY: Cells = {
    "oi": SafeString(ABSENT),
    "bar": SafeString("0"),
    "start": SafeString("100"),
    "change": SafeString(ABSENT),
    "volume": SafeString(ABSENT),
    "delta": SafeString(ABSENT),
    "iv": SafeString(ABSENT),
    "price": SafeString(""),
}


def lines(strikes: Sequence[Strike]) -> list[dict[str, object]]:
    """Return what the table shows of each strike, bars relative to the longest."""
    sides = [side for row in strikes for side in (row.call, row.put) if side]
    most = max((side.open_interest or 0 for side in sides), default=0)
    return [
        {
            "strike": SafeString(f"{row.strike:.2f}".removesuffix(".00")),
            "place": _place(row.steps),
            "call": _cells(row.call, most),
            "put": _cells(row.put, most),
        }
        for row in strikes
    ]


def _place(steps: int | None) -> SafeString:
    """Return the class of a line: below, at or above the money."""
    if not steps:
        return SafeString("" if steps is None else "chain__money")
    return SafeString("chain__below" if steps < 0 else "chain__above")


def _cells(side: OptionSide | None, most: int) -> Cells:
    if side is None:
        return _NOBODY
    length = 100 * (side.open_interest or 0) / most if most else 0
    change = side.open_interest_change
    return {
        "oi": SafeString(compact(side.open_interest)),
        "bar": SafeString(f"{length:.1f}"),
        "start": SafeString(f"{100 - length:.1f}"),
        "change": SafeString(_change(change)),
        "direction": SafeString(
            "flat" if not change else "up" if change > 0 else "down"
        ),
        "volume": SafeString(compact(side.volume)),
        "delta": SafeString(price(side.delta)),
        "iv": SafeString(ABSENT if side.iv is None else f"{side.iv * 100:.2f}"),
        "price": SafeString("" if side.price is None else price(side.price)),
        "is_stale": side.is_stale,
        "last_at": SafeString(clock(side.last_at)) if side.is_stale else SafeString(""),
    }


def _change(value: int | None) -> str:
    """Write a change of a quantity shortly, with its sign."""
    if not value:
        return ABSENT if value is None else "0"
    return f"{'+' if value > 0 else MINUS}{compact(abs(value))}"
