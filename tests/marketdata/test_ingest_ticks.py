"""From a real stream into real tables: what is counted, corrected, and refused."""

import json
from typing import Any

import pytest
from django.conf import settings

from marketdata import quotes
from marketdata.ingest.ingestor import Ingestor
from marketdata.models import (
    BarGap,
    DirtyBucket,
    Instrument,
    MinuteBar,
    QuarantinedTick,
    ShardPosition,
    StrikeBar,
)
from tests.marketdata.builders import make_exchange, make_hours, make_instrument
from tests.marketdata.ingesting import (
    QUICK,
    TEN,
    Feed,
    counters,
    ingest,
    ingesting,
    make_tick,
)
from tradingsite import claims
from tradingsite import redis as ground


@pytest.fixture
def feed(db: None):
    """An empty stream shard, whose clock stands at ten in the morning."""
    feed = Feed(ground.client(), f"{settings.TICK_STREAM}:0")
    feed.wipe()
    feed.beat(TEN)
    yield feed
    feed.wipe()


@pytest.fixture
def acme(db: None) -> Instrument:
    make_hours(make_exchange("NSE"))
    return make_instrument("ACME", broker_token=256)


def bar_of(instrument: Instrument, opened_at: int = TEN) -> tuple[float, ...]:
    (bar,) = [
        bar
        for bar in MinuteBar.objects.for_instrument(instrument.id)
        if bar.opened_at.timestamp() == opened_at
    ]
    return (bar.open, bar.high, bar.low, bar.close, bar.volume)


def reasons() -> dict[str, int]:
    found: dict[str, int] = {}
    for reason in QuarantinedTick.objects.values_list("reason", flat=True):
        found[reason] = found.get(reason, 0) + 1
    return found


def test_ticks_become_a_bar(feed: Feed, acme: Instrument):
    feed.send(make_tick("ACME", TEN, 100.0, 10), make_tick("ACME", TEN + 1, 104.0, 25))

    ingest(feed)

    assert bar_of(acme) == (100.0, 104.0, 100.0, 104.0, 15)


def test_names_by_which_publishers_differ_mean_the_same(feed: Feed, acme: Instrument):
    feed.send(
        {"instrument_token": 256, "last_price": 99.0, "timestamp": TEN, "symbol": "X"},
        {"token": 256, "close": 101.0, "ts": TEN + 1, "open_interest": 7},
    )

    ingest(feed)

    assert bar_of(acme) == (99.0, 101.0, 99.0, 101.0, 0)
    assert MinuteBar.objects.get().open_interest == 7


def test_an_array_counts_like_its_ticks(feed: Feed, acme: Instrument):
    feed.send_array(
        *(make_tick("ACME", TEN + n / 100, 100.0 + n, n) for n in range(100))
    )

    ingest(feed)

    assert bar_of(acme) == (100.0, 199.0, 100.0, 199.0, 99)
    assert counters(feed)["ticks"] == 100


def test_reading_again_from_the_beginning_changes_nothing(feed: Feed, acme: Instrument):
    feed.send(make_tick("ACME", TEN, 100.0, 10), make_tick("ACME", TEN + 70, 104.0, 25))
    ingest(feed)
    before = list(MinuteBar.objects.values())

    ShardPosition.objects.all().delete()
    ingest(feed)

    assert list(MinuteBar.objects.values()) == before


def test_a_bar_goes_on_after_a_restart(feed: Feed, acme: Instrument):
    feed.send(make_tick("ACME", TEN, 100.0, 10))
    ingest(feed)
    feed.send(make_tick("ACME", TEN + 1, 90.0, 15))

    ingest(feed)

    assert bar_of(acme) == (100.0, 100.0, 90.0, 90.0, 5)


def test_the_next_bar_after_a_restart_counts_from_the_last_one(
    feed: Feed, acme: Instrument
):
    feed.send(make_tick("ACME", TEN, 100.0, 10))
    ingest(feed)
    feed.beat(TEN + 60)
    feed.send(make_tick("ACME", TEN + 61, 90.0, 18))

    ingest(feed)

    assert bar_of(acme, TEN + 60)[-1] == 8


def test_a_late_tick_corrects_its_bar_and_the_next_one(feed: Feed, acme: Instrument):
    feed.beat(TEN + 120)
    feed.send(make_tick("ACME", TEN + 10, 100.0, 10))
    feed.send(make_tick("ACME", TEN + 61, 101.0, 50))
    ingest(feed)

    feed.send(make_tick("ACME", TEN + 59, 120.0, 30))
    ingest(feed)

    assert bar_of(acme) == (100.0, 120.0, 100.0, 120.0, 20)
    assert bar_of(acme, TEN + 60)[-1] == 20
    assert DirtyBucket.objects.count() == 2
    assert counters(feed)["late"] == 1


def test_the_bar_in_memory_learns_what_a_late_tick_changed(
    feed: Feed, acme: Instrument
):
    feed.beat(TEN + 120)
    feed.send(make_tick("ACME", TEN + 10, 100.0, 10))
    feed.send(make_tick("ACME", TEN + 61, 101.0, 50))
    with ingesting(feed) as ingestor:
        ingestor.step()
        feed.send(make_tick("ACME", TEN + 59, 120.0, 30))
        ingestor.step()
        feed.send(make_tick("ACME", TEN + 62, 101.0, 60))
        ingestor.step()

    assert bar_of(acme, TEN + 60)[-1] == 30


def test_a_late_tick_does_not_touch_what_history_filled(feed: Feed, acme: Instrument):
    feed.beat(TEN + 120)
    feed.send(make_tick("ACME", TEN + 10, 100.0), make_tick("ACME", TEN + 70, 100.0))
    ingest(feed)
    MinuteBar.objects.filter(
        opened_at__lt=MinuteBar.objects.latest("opened_at").opened_at
    ).update(source="history")

    feed.send(make_tick("ACME", TEN + 20, 500.0))
    ingest(feed)

    assert bar_of(acme)[1] == 100.0
    assert counters(feed)["late_ignored"] == 1


def test_ticks_ahead_of_the_clock_are_refused(feed: Feed, acme: Instrument):
    feed.send(make_tick("ACME", TEN + 2, 100.0), make_tick("ACME", TEN + 2.5, 900.0))

    ingest(feed)

    assert bar_of(acme)[1] == 100.0
    assert reasons() == {"future": 1}


BAD = {
    b'{"symbol":"ACME","ts":1795408200}': "missing_price",
    b'{"symbol":"ACME","price":100.0}': "missing_time",
    b'{"price":100.0,"ts":1795408200}': "missing_instrument",
    b'{"symbol":"ACME","price":-5.0,"ts":1795408200}': "out_of_range",
    b'{"symbol":"ACME","price":0,"ts":1795408200}': "out_of_range",
    b'{"symbol":"ACME","price":1e12,"ts":1795408200}': "out_of_range",
    b'{"symbol":"ACME","price":1e999,"ts":1795408200}': "out_of_range",
    b'{"symbol":"ACME","price":NaN,"ts":1795408200}': "not_json",
    b'{"symbol":"ACME","price":"100","ts":1795408200}': "wrong_type",
    b'{"symbol":"ACME","price":100,"volume":-1,"ts":1795408200}': "out_of_range",
    b'{"symbol":"ACME","price":100,"ts":12}': "out_of_range",
    b'{"symbol":"ACME","price":100,"ts":1795408200,"iv":-0.5}': "out_of_range",
    b'{"symbol":"NOBODY","price":100,"ts":1795408200}': "unknown_instrument",
    b'{"symbol":"ACME","price":100,"ts":1795408200,"is_mock":true}': "mock",
    b"[1, 2": "not_json",
    b'"text"': "wrong_type",
    b"\xff\xfe": "not_json",
    b"{}": "missing_price",
    b'{"symbol":"\x00","price":1,"ts":1795408200}': "not_json",
    b'{"symbol":"' + b"A" * 1_000_000 + b'","price":1,"ts":1795408200}': "too_large",
    b'{"x":' + b"[" * 5000 + b"]" * 5000 + b"}": "not_json",
}


@pytest.mark.parametrize(("body", "reason"), BAD.items(), ids=range(len(BAD)))
def test_a_bad_tick_is_counted_and_kept_and_stops_nothing(
    feed: Feed, acme: Instrument, body: bytes, reason: str
):
    feed.send(make_tick("ACME", TEN, 100.0))
    feed.send_raw(body)
    feed.send(make_tick("ACME", TEN + 1, 101.0))

    ingest(feed)

    assert reasons() == {reason: 1}
    assert bar_of(acme)[:4] == (100.0, 101.0, 100.0, 101.0)
    assert counters(feed)[f"refused_{reason}"] == 1
    assert len(QuarantinedTick.objects.get().payload) <= 2_000
    assert QuarantinedTick.objects.get().payload_bytes >= min(len(body), 2)


def test_one_bad_tick_does_not_take_its_array_with_it(feed: Feed, acme: Instrument):
    feed.send_array(
        make_tick("ACME", TEN, 100.0),
        make_tick("ACME", TEN, -1.0),
        make_tick("ACME", TEN + 1, 102.0),
    )

    ingest(feed)

    assert bar_of(acme)[:4] == (100.0, 102.0, 100.0, 102.0)
    assert reasons() == {"out_of_range": 1}


def test_entries_that_are_no_ticks_are_refused(feed: Feed, acme: Instrument):
    feed.client.xadd(feed.key, {"x": "1", "y": "2"})
    feed.client.xadd(feed.key, {"h": "soon"})
    feed.client.xadd(feed.key, {"h": "nan"})
    feed.client.xadd(feed.key, {"d": ""})
    feed.send(make_tick("ACME", TEN, 100.0))

    ingest(feed)

    assert reasons() == {"not_a_tick": 2, "bad_heartbeat": 2}
    assert bar_of(acme)[0] == 100.0


def test_a_flood_of_bad_ticks_is_counted_but_not_all_kept(feed: Feed, acme: Instrument):
    feed.send(*(make_tick("ACME", TEN, -1.0) for _ in range(100)))

    ingest(feed)

    assert counters(feed)["refused"] == 100
    assert QuarantinedTick.objects.count() <= 40


def test_an_instrument_that_is_new_is_found_after_a_refresh(feed: Feed, db: None):
    make_hours(make_exchange("NSE"))
    with ingesting(feed) as ingestor:
        ingestor.step()
        newcomer = make_instrument("NEWCO")
        ingestor._next_refresh = ingestor._next_renewal = 0.0
        feed.send(make_tick("NEWCO", TEN, 5.0))
        ingestor.step()

    assert bar_of(newcomer)[0] == 5.0


def test_call_and_put_stand_side_by_side(feed: Feed, acme: Instrument):
    contract: Any = {
        "kind": "option",
        "underlying": acme,
        "expires_on": "2026-11-24",
        "strike": "100.00",
    }
    make_instrument("ACME100CE", option_type="CE", broker_token=300, **contract)
    make_instrument("ACME100PE", option_type="PE", broker_token=302, **contract)
    depth = {
        "buy": [{"quantity": 50, "price": 4.9, "orders": 1}],
        "sell": [{"quantity": 75, "price": 5.1, "orders": 2}],
    }
    call = {"symbol": "ACME", "token": 300, "tradingsymbol": "ACME100CE", "ts": TEN}
    put = {"symbol": "ACME", "token": 302, "tradingsymbol": "ACME100PE", "ts": TEN}
    feed.send(
        call | {"price": 5.0, "volume": 10, "oi": 40, "iv": 0.2, "depth": depth},
        call | {"price": 5.2, "volume": 30, "oi": 44, "iv": 0.21, "delta": 0.5},
        put | {"price": 3.0, "volume": 20, "oi": 60, "iv": 0},
    )

    ingest(feed)

    bar = StrikeBar.objects.get()
    assert (bar.call_close, bar.call_iv, bar.call_delta) == (5.2, 0.21, 0.5)
    assert (bar.call_bid, bar.call_ask, bar.call_ask_quantity) == (4.9, 5.1, 75)
    assert (bar.call_open_interest, bar.call_volume) == (44, 20)
    assert (bar.put_close, bar.put_iv, bar.put_bid) == (3.0, None, None)


def test_a_book_seen_before_a_restart_is_kept(feed: Feed, acme: Instrument):
    make_instrument(
        "ACME100CE", kind="option", underlying=acme, expires_on="2026-11-24",
        strike="100.00", option_type="CE", broker_token=300,
    )  # fmt: skip
    call = {"symbol": "ACME", "token": 300, "tradingsymbol": "ACME100CE", "ts": TEN}
    feed.send(call | {"price": 5.0, "depth": {"buy": [{"quantity": 5, "price": 4.0}]}})
    ingest(feed)

    feed.send(call | {"price": 6.0, "iv": 0.3})
    ingest(feed)

    bar = StrikeBar.objects.get()
    assert (bar.call_close, bar.call_iv, bar.call_bid) == (6.0, 0.3, 4.0)


def test_a_wiped_stream_is_a_gap(feed: Feed, acme: Instrument):
    feed.send(make_tick("ACME", TEN, 100.0))
    ingest(feed)

    feed.wipe()
    feed.beat(TEN + 90)
    feed.send(make_tick("ACME", TEN + 91, 110.0))
    ingest(feed)

    gap = BarGap.objects.get()
    assert (gap.reason, gap.lost_entries, gap.status) == ("wiped", None, "open")
    assert (gap.from_at.timestamp(), gap.to_at.timestamp()) == (TEN, TEN + 90)
    assert bar_of(acme, TEN + 60)[0] == 110.0


def test_a_stream_made_anew_beside_its_epoch_is_a_gap(feed: Feed, acme: Instrument):
    feed.send(make_tick("ACME", TEN, 100.0))
    ingest(feed)

    feed.client.delete(feed.key)
    feed.beat(TEN + 90)
    ingest(feed)

    assert BarGap.objects.get().reason == "wiped"


def test_a_wipe_with_nothing_after_it_is_not_forgotten(feed: Feed, acme: Instrument):
    feed.send(make_tick("ACME", TEN, 100.0))
    ingest(feed)
    feed.wipe()
    ingest(feed)

    feed.beat(TEN + 30)
    ingest(feed)

    assert BarGap.objects.count() == 1


def test_a_trim_past_the_position_is_a_gap_of_exactly_so_many(
    feed: Feed, acme: Instrument
):
    feed.send(make_tick("ACME", TEN, 100.0))
    ingest(feed)

    feed.send(*(make_tick("ACME", TEN + 1, 100.0 + n) for n in range(50)))
    feed.client.xtrim(feed.key, maxlen=20, approximate=False)
    ingest(feed)

    gap = BarGap.objects.get()
    assert (gap.reason, gap.lost_entries) == ("trimmed", 30)
    assert counters(feed)["ticks"] == 21


def test_trimming_what_was_read_is_no_gap(feed: Feed, acme: Instrument):
    feed.send(*(make_tick("ACME", TEN + 1, 100.0 + n) for n in range(50)))
    ingest(feed)

    feed.client.xtrim(feed.key, maxlen=0, approximate=False)
    ingest(feed)
    feed.send(make_tick("ACME", TEN + 2, 100.0))
    ingest(feed)

    assert not BarGap.objects.exists()
    assert counters(feed)["ticks"] == 51


def test_two_ingestors_on_one_shard_count_once(feed: Feed, acme: Instrument):
    first = Ingestor({feed.key: 0}, pace=QUICK, owner="first")
    second = Ingestor({feed.key: 0}, pace=QUICK, owner="second")
    for n in range(20):
        feed.send(make_tick("ACME", TEN + n / 10, 100.0, n))
        first.step()
        second.step()
    first.close()
    second.step()
    second.close()

    assert bar_of(acme)[-1] == 19
    assert counters(feed)["ticks"] == 20


def test_a_paused_owner_cannot_write_what_is_stale(feed: Feed, acme: Instrument):
    first = Ingestor({feed.key: 0}, pace=QUICK, owner="first")
    feed.send(make_tick("ACME", TEN, 100.0, 1))
    first.step()
    # Its lease runs out while it is paused; another takes over and goes on.
    claims.release(first.leases[feed.key])
    feed.send(make_tick("ACME", TEN + 1, 200.0, 5))
    second = Ingestor({feed.key: 0}, pace=QUICK, owner="second")
    second.step()

    feed.send(make_tick("ACME", TEN + 1.5, 300.0, 7))
    first._read()
    with pytest.raises(claims.LeaseLost):
        first._flush_all()
    second.step()

    assert bar_of(acme) == (100.0, 300.0, 100.0, 300.0, 6)
    first.close()
    second.close()


def test_quotes_are_remembered(feed: Feed, acme: Instrument):
    feed.send(make_tick("ACME", TEN, 123.0, 9))
    ingest(feed)

    kept: Any = ground.client().hget(quotes.keys().prices, str(acme.id))
    assert json.loads(kept) == {
        "price": 123.0,
        "at": float(TEN),
        "volume": 9,
        "open_interest": None,
    }


def test_draining_holds_the_builder_for_less_than_a_millisecond(
    feed: Feed, acme: Instrument
):
    for number in range(500):
        make_instrument(f"S{number}")
    with ingesting(feed) as ingestor:
        for second in range(30):
            feed.send_array(
                *(make_tick(f"S{n}", TEN + 1, 100.0 + second) for n in range(500))
            )
            ingestor.step()
        drains = sorted(ingestor.totals.drains)

    assert len(drains) >= 30
    assert drains[int(len(drains) * 0.99) - 1] <= 0.001
