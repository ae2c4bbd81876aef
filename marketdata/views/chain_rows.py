"""The lines of the chain table, every figure and every cell written out.

A whole chain has six thousand figures: written here once each, in one piece a line,
they cost a tenth of what a template asks for a variable, an escape and a condition
per cell. They are safe as they are: digits and signs of our own.
"""

from collections.abc import Sequence

from django.utils.safestring import SafeString

from marketdata.chain import OptionSide, Strike
from tradingsite.templatetags.figures import ABSENT, MINUS, clock, compact, price

_LINE = """<tr class="{place}">
<td class="number chain__oi">{call_bar}<span>{call[oi]}</span></td>
<td class="number wide {call[direction]}">{call[change]}</td>
<td class="number wide">{call[volume]}</td>
<td class="number wide">{call[delta]}</td>
<td class="number">{call[iv]}</td>
<td class="number">{call[price]}</td>
<th scope="row" class="chain__strike">{strike}</th>
<td>{put[price]}</td>
<td>{put[iv]}</td>
<td class="wide">{put[delta]}</td>
<td class="wide">{put[volume]}</td>
<td class="wide {put[direction]}">{put[change]}</td>
<td class="chain__oi">{put_bar}<span>{put[oi]}</span></td>
</tr>
"""
_BAR = (
    '<svg class="chain__bar chain__bar--{side}" viewBox="0 0 100 1"'
    ' preserveAspectRatio="none" aria-hidden="true"><rect {place} height="1" /></svg>'
)
_PRICE = (
    '<button class="chain__price{stale}" type="button" data-leg="{kind}"'
    ' data-strike="{strike}"{title}>{price}</button>'
)

Cells = dict[str, str]
# What a strike without a contract on one side shows there.
_NOBODY = dict.fromkeys(("oi", "change", "volume", "delta", "iv", "price"), ABSENT)


def lines(strikes: Sequence[Strike]) -> list[SafeString]:
    """Return the line of each strike, bars relative to the longest."""
    sides = [side for row in strikes for side in (row.call, row.put) if side]
    most = max((side.open_interest or 0 for side in sides), default=0)
    return [_line(row, most) for row in strikes]


def _line(row: Strike, most: int) -> SafeString:
    strike = f"{row.strike:.2f}".removesuffix(".00")
    call, put = _share(row.call, most), _share(row.put, most)
    return SafeString(
        _LINE.format(
            place=_place(row.steps),
            strike=strike,
            call=_cells(row.call, "CE", strike),
            put=_cells(row.put, "PE", strike),
            # Those of calls grow towards the left.
            call_bar=_BAR.format(
                side="call", place=f'x="{100 - call:.1f}" width="100"'
            ),
            put_bar=_BAR.format(side="put", place=f'width="{put:.1f}"'),
        )
    )


def _share(side: OptionSide | None, most: int) -> float:
    return 100 * (side.open_interest or 0) / most if side and most else 0.0


def _place(steps: int | None) -> str:
    """Return the class of a line: below, at or above the money."""
    if not steps:
        return "" if steps is None else "chain__money"
    return "chain__below" if steps < 0 else "chain__above"


def _cells(side: OptionSide | None, kind: str, strike: str) -> Cells:
    if side is None:
        return _NOBODY | {"direction": "flat"}
    change = side.open_interest_change
    return {
        "oi": compact(side.open_interest),
        "change": _change(change),
        "direction": "flat" if not change else "up" if change > 0 else "down",
        "volume": compact(side.volume),
        "delta": price(side.delta),
        "iv": ABSENT if side.iv is None else f"{side.iv * 100:.2f}",
        "price": _price(side, kind, strike),
    }


def _price(side: OptionSide, kind: str, strike: str) -> str:
    if side.price is None:
        return ABSENT
    stale, title = "", ""
    if side.is_stale:
        stale = " chain__price--stale"
        title = f' title="Last traded at {clock(side.last_at)}"'
    return _PRICE.format(
        stale=stale, kind=kind, strike=strike, title=title, price=price(side.price)
    )


def _change(value: int | None) -> str:
    """Write a change of a quantity shortly, with its sign."""
    if not value:
        return ABSENT if value is None else "0"
    return f"{'+' if value > 0 else MINUS}{compact(abs(value))}"
