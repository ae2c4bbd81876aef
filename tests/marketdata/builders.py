"""Rows that the tests of the market are arranged with."""

import datetime
from collections.abc import Iterable, Sequence
from zoneinfo import ZoneInfo

from marketdata import partitions
from marketdata.models import (
    DirtyBucket,
    Exchange,
    Holiday,
    Instrument,
    MinuteBar,
    SessionHours,
)

IST = ZoneInfo("Asia/Kolkata")


def ist(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=IST)


def epoch(text: str) -> int:
    return int(ist(text).timestamp())


def utc_day(text: str) -> int:
    moment = datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)
    return int(moment.timestamp())


def make_exchange(code: str = "NSE") -> Exchange:
    return Exchange.objects.get_or_create(code=code, defaults={"name": f"{code} test"})[
        0
    ]


def make_hours(
    exchange: Exchange,
    *,
    opens: str = "09:15",
    closes: str = "15:30",
    weekdays: Iterable[int] = range(5),
    segment: str = "",
    valid_from: str = "2000-01-01",
    valid_to: str | None = None,
) -> None:
    SessionHours.objects.filter(exchange=exchange, segment=segment).delete()
    for weekday in weekdays:
        SessionHours.objects.create(
            exchange=exchange,
            segment=segment,
            weekday=weekday,
            valid_from=valid_from,
            valid_to=valid_to,
            opens_at=opens,
            closes_at=closes,
        )


def make_holiday(
    exchange: Exchange, day: str, opens: str = "", closes: str = ""
) -> None:
    Holiday.objects.update_or_create(
        exchange=exchange,
        day=day,
        defaults={
            "name": "Test day",
            "opens_at": opens or None,
            "closes_at": closes or None,
        },
    )


def make_instrument(
    symbol: str = "ACME", exchange: str = "NSE", **fields: object
) -> Instrument:
    defaults = {
        "kind": "stock",
        "name": f"{symbol.title()} Example",
        "tick_size": "0.05",
    }
    instrument = Instrument.objects.create(
        exchange=make_exchange(exchange), symbol=symbol, **(defaults | fields)
    )
    # As the database has it: a Decimal, not the text it was made of.
    return Instrument.objects.select_related("exchange").get(pk=instrument.pk)


def make_bar(
    instrument: Instrument,
    opened_at: datetime.datetime,
    close: float,
    *,
    volume: int = 1,
    **fields: object,
) -> MinuteBar:
    prices = {"open": close, "high": close, "low": close}
    return MinuteBar(
        instrument=instrument,
        opened_at=opened_at,
        close=close,
        volume=volume,
        source=MinuteBar.Source.IMPORT,
        **(prices | fields),
    )


def save_bars(bars: Sequence[MinuteBar]) -> None:
    """Write ``bars`` and mark them, as every writer of minutes does."""
    months = {partitions.month_of(bar.opened_at) for bar in bars}
    partitions.ensure("minute_bars", months)
    MinuteBar.objects.bulk_create(
        bars,
        update_conflicts=True,
        unique_fields=["instrument", "opened_at"],
        update_fields=["open", "high", "low", "close", "volume", "last_tick_at"],
    )
    for instrument_id in {bar.instrument_id for bar in bars}:
        DirtyBucket.objects.mark(
            instrument_id,
            [bar.opened_at for bar in bars if bar.instrument_id == instrument_id],
        )


def make_minutes(
    instrument: Instrument, start: str, count: int, *, first_close: float = 100.0
) -> None:
    """Save ``count`` minutes from ``start`` (IST), each closing 1 above the last."""
    first = ist(start)
    save_bars(
        [
            make_bar(
                instrument,
                first + datetime.timedelta(minutes=minute),
                first_close + minute,
                volume=minute + 1,
            )
            for minute in range(count)
        ]
    )
