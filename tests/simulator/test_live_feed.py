import orjson

from marketdata.simulator.entries import HEARTBEAT, EntryWriter
from tests.simulator.builders import MONDAY, live_feed, taken


def test_the_same_seed_repeats_a_run_tick_by_tick():
    first, second = taken(live_feed(), 3_000), taken(live_feed(), 3_000)
    assert [tick.body for tick in first] == [tick.body for tick in second]


def test_another_seed_is_another_market():
    first, second = taken(live_feed(1), 200), taken(live_feed(2), 200)
    assert [tick.body for tick in first] != [tick.body for tick in second]


def test_how_many_are_taken_at_once_changes_nothing():
    feed = live_feed()
    pieces = [tick.body for size in (1, 7, 500, 92) for tick in taken(feed, size)]
    assert pieces == [tick.body for tick in taken(live_feed(), 600)]


def test_only_what_is_due_is_taken():
    feed = live_feed(step_s=0.5)
    ticks = feed.take(MONDAY + 2, 100)
    assert [tick.at - MONDAY for tick in ticks] == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert feed.take(MONDAY + 2, 100) == []


def test_a_stopped_machine_leaves_ticks_out_instead_of_running_behind():
    feed = live_feed(step_s=0.5)
    assert feed.skip(MONDAY + 100) == 200
    assert feed.skip(MONDAY + 50) == 0
    assert taken(feed, 1)[0].at == MONDAY + 100


def test_every_contract_prints_within_two_passes_of_the_deck():
    feed = live_feed()
    listed = {contract.token for contract in feed.universe(MONDAY).contracts}
    assert {tick.contract.token for tick in taken(feed, 2_500)} == listed


def test_volumes_never_fall_within_a_day():
    seen: dict[int, int] = {}
    for tick in taken(live_feed(), 5_000):
        assert tick.volume >= seen.get(tick.contract.token, 0)
        seen[tick.contract.token] = tick.volume


def test_a_derivative_tick_has_the_fields_of_the_ticker_service():
    tick = next(t for t in taken(live_feed(), 500) if t.contract.kind == "option")
    payload = orjson.loads(tick.body)
    needed = (
        "symbol token tradingsymbol segment exchange strike expiry type lot_size "
        "tick_size price volume oi ts is_mock depth total_buy_quantity "
        "total_sell_quantity"
    )
    assert set(needed.split()) <= set(payload)
    assert payload["is_mock"] is False
    assert len(payload["depth"]["buy"]) == len(payload["depth"]["sell"]) == 5
    assert payload["depth"]["buy"][0]["price"] < payload["depth"]["sell"][0]["price"]
    assert payload["price"] in (
        payload["depth"]["buy"][0]["price"],
        payload["depth"]["sell"][0]["price"],
    )


def test_a_volatility_that_has_no_solution_is_absent_never_zero():
    payloads = [
        orjson.loads(tick.body)
        for tick in taken(live_feed(), 4_000)
        if tick.contract.kind == "option"
    ]
    solved = [payload for payload in payloads if "iv" in payload]
    assert 0 < len(solved) <= len(payloads)
    assert all(payload["iv"] > 0 for payload in solved)
    assert all("delta" not in payload for payload in payloads if "iv" not in payload)


def test_an_index_tick_has_the_fields_of_a_live_underlying():
    tick = next(t for t in taken(live_feed(), 500) if t.contract.kind == "index")
    payload = orjson.loads(tick.body)
    assert set(payload) == {
        "symbol", "instrument_token", "exchange", "last_price", "volume", "timestamp",
        "ohlc",
    }  # fmt: skip
    assert payload["ohlc"]["low"] <= payload["last_price"] <= payload["ohlc"]["high"]


def test_no_tick_is_ahead_of_its_shards_clock():
    entries = []
    EntryWriter(2).written(taken(live_feed(step_s=0.05), 1_000), entries.append)
    clocks: dict[int, float] = {}
    for entry in entries:
        if entry.field == HEARTBEAT:
            clocks[entry.shard] = float(entry.body)
        for tick in entry.ticks:
            assert tick.at < clocks[entry.shard] + 1.0


def test_entries_hold_every_tick_once_and_at_most_a_hundred():
    ticks, entries = taken(live_feed(step_s=0.0001), 2_000), []
    EntryWriter(2).written(ticks, entries.append)
    sizes = [len(entry.ticks) for entry in entries if entry.field != HEARTBEAT]
    assert max(sizes) == 100
    sent = [tick.body for entry in entries for tick in entry.ticks]
    assert sorted(sent) == sorted(tick.body for tick in ticks)
    assert all(t.contract.token // 256 % 2 == e.shard for e in entries for t in e.ticks)
