"""The hot loop: hundreds of thousands of ticks a second pass through here.

It does what ``BarBuilder.add`` does, with the common case spelled out in place: a
call for each tick would cost a third of the whole. What makes it fast is one
dictionary look-up per tick, no object made unless a minute begins, and nothing
decided twice: types and ranges were checked while decoding, in compiled code.
Everything uncommon leaves through ``Unusual``.
"""

from collections.abc import Callable, Mapping

from marketdata.bars import BarBuilder, Series
from marketdata.ticks import Tick

Unusual = Callable[[Tick], None]


def count(  # noqa: C901, PLR0912, PLR0915 - spelled out in place, see above
    builder: BarBuilder,
    known: Mapping[int | str, Series],
    ticks: list[Tick],
    horizon: float,
    unusual: Unusual,
) -> None:
    """Count ``ticks``; hand over those unknown, incomplete or past ``horizon``."""
    series_of = known.get
    for tick in ticks:
        series = series_of(
            tick.token or tick.instrument_token or tick.tradingsymbol or tick.symbol
        )
        price = tick.price or tick.last_price or tick.close
        at = tick.ts or tick.timestamp
        if (
            series is None
            or not price
            or not at
            or at > horizon
            or tick.is_mock
            or (tick.exchange and tick.exchange != series.exchange)
        ):
            unusual(tick)
            continue
        if at >= series.ends_at:
            builder.roll(series, tick)
            continue
        if at < series.begins_at:
            builder.postpone(series, tick)
            continue
        bar = series.bar
        if price > bar.high:
            bar.high = price
        elif price < bar.low:
            bar.low = price
        if at >= bar.last_at:
            bar.last_at = at
            bar.close = price
            if tick.volume is not None:
                bar.last_volume = tick.volume
            oi = tick.oi
            if oi is None:
                oi = tick.open_interest
            if oi is not None:
                bar.open_interest = oi
            if tick.depth:
                bar.depth_tick = tick
            if series.is_option:
                bar.option_tick = tick
        elif at < bar.first_at:
            bar.first_at = at
            bar.open = price
            if tick.volume is not None:
                bar.first_volume = tick.volume
        if not bar.is_changed:
            builder.touch(bar)
