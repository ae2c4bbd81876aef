import datetime

import pytest
from django.utils import timezone

from marketdata import health
from marketdata.models import BarGap, Instrument, ShardPosition
from tests.marketdata.builders import make_exchange, make_hours, make_instrument
from tradingsite.models import Process
from tradingsite.readiness import Status


@pytest.fixture
def open_market(db: None) -> Instrument:
    """A stock of an exchange that is always open, and a shard that is read."""
    make_hours(make_exchange("DEMO"), opens="00:00", closes="00:00", weekdays=range(7))
    ShardPosition.objects.create(stream="ticks:0", epoch="a")
    return make_instrument("ACME", "DEMO")


def test_shards_that_are_read_are_well(open_market: Instrument):
    assert health.ingest().status == Status.OK


def test_silence_in_session_degrades(open_market: Instrument):
    an_hour_ago = timezone.now() - datetime.timedelta(hours=1)
    ShardPosition.objects.update(updated_at=an_hour_ago)

    assert health.ingest().status == Status.DEGRADED


def test_silence_counts_only_in_session(open_market: Instrument):
    make_hours(make_exchange("DEMO"), weekdays=[])
    an_hour_ago = timezone.now() - datetime.timedelta(hours=1)
    ShardPosition.objects.update(updated_at=an_hour_ago)

    assert health.ingest().status == Status.OK


def test_a_reader_that_lags_degrades(open_market: Instrument):
    Process.objects.seen("ingestor", shards={"ticks:0": {"lag_s": 44.0}})

    assert "ticks:0 is 44 s behind" in health.ingest().detail


def test_an_open_gap_degrades(open_market: Instrument):
    now = timezone.now()
    BarGap.objects.create(stream="ticks:0", from_at=now, to_at=now, reason="wiped")

    assert "1 gaps" in health.ingest().detail
