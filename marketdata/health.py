"""The parts of our health that belong to the market: its source, and the ingestor."""

import datetime

from django.utils import timezone

from marketdata.calendars import calendars
from marketdata.models import BarGap, Instrument, ShardPosition
from marketdata.ticker import TickerError
from marketdata.ticker import ticker as ticker_service
from tradingsite.models import Process
from tradingsite.readiness import Part, Status

# A position is written twice a second; older ones belong to shards of long ago.
SILENT = datetime.timedelta(seconds=15)
FORGOTTEN = datetime.timedelta(days=1)
LAG_S = 10.0


def ticker() -> Part:
    """Tell whether the ticker service answers."""
    try:
        answer = ticker_service().health()
    except TickerError as error:
        return Part("ticker", Status.DEGRADED, str(error))
    said = str(answer.get("status", "ok"))
    is_well = said in {"ok", "healthy", "running"}
    return Part("ticker", Status.OK if is_well else Status.DEGRADED, f"Says {said}.")


def ingest() -> Part:
    """Tell whether ticks are read in time; silence counts only in session."""
    now = timezone.now()
    positions = list(ShardPosition.objects.filter(updated_at__gt=now - FORGOTTEN))
    troubles = [*lagging(), *silent(positions, now)]
    if gaps := BarGap.objects.open().count():
        troubles.append(f"{gaps} gaps are not repaired yet")
    if troubles:
        return Part("ingest", Status.DEGRADED, "; ".join(troubles) + ".")
    return Part("ingest", detail=f"{len(positions)} shards.")


def lagging() -> list[str]:
    """Return the shards whose reader is behind, as the ingestors themselves tell."""
    recent = timezone.now() - SILENT
    reports = Process.objects.filter(reported_at__gt=recent, detail__has_key="shards")
    return [
        f"{key} is {shard['lag_s']:.0f} s behind"
        for report in reports.order_by("name")
        for key, shard in sorted(report.detail["shards"].items())
        if shard["lag_s"] > LAG_S
    ]


def silent(positions: list[ShardPosition], now: datetime.datetime) -> list[str]:
    """Return what is wrong with the age of the last tick, if a market is open."""
    if not market_is_open(now):
        return []
    heard = [position.updated_at for position in positions]
    if not heard:
        return ["no shard has been read"]
    age_s = (now - max(heard)).total_seconds()
    if age_s > SILENT.total_seconds():
        return [f"nothing was read for {age_s:.0f} s"]
    return []


def market_is_open(now: datetime.datetime) -> bool:
    """Tell whether any exchange with instruments is in session."""
    traded = set(
        Instrument.objects.filter(is_active=True)
        .order_by()
        .values_list("exchange_id", flat=True)
        .distinct()
    )
    return any(
        calendar.is_open(now)
        for code, calendar in calendars().items()
        if code in traded
    )
