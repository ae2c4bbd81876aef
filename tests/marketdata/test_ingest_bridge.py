"""From the old channels into the streams, and what is noted when nobody listened."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings

from marketdata.ingest import bridge as bridging
from marketdata.ingest.bridge import Bridge
from marketdata.models import BarGap
from tests.marketdata.ingesting import make_tick, wait_for
from tradingsite import redis as ground


@pytest.fixture
def bridge(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bridge]:
    """A bridge of this test's own channels and streams."""
    stream = f"{settings.TICK_STREAM}:bridged"
    channels = (f"{stream}:options", f"{stream}:underlying")
    monkeypatch.setattr(bridging, "CHANNELS", channels)
    keys = [f"{stream}:0", f"{stream}:1", f"{stream}:bridge:seen"]
    ground.client().delete(*keys)
    yield Bridge(stream, 2)
    ground.client().delete(*keys)


def run(bridge: Bridge, *bodies: str) -> None:
    """Let the bridge listen while ``bodies`` are published."""

    def publish() -> None:
        client = ground.client()
        channel = bridging.CHANNELS[0]
        wait_for("a listener", lambda: dict(client.pubsub_numsub(channel))[
            channel.encode()
        ])  # fmt: skip
        for body in bodies:
            client.publish(channel, body)
        wait_for("all of them", lambda: bridge.forwarded >= len(bodies))
        bridge.stopping.set()

    publisher = threading.Thread(target=publish)
    publisher.start()
    bridge.run()
    publisher.join()


def ticks_in(key: str) -> list[bytes]:
    entries: Any = ground.client().xrange(key)
    return [fields[b"d"] for _, fields in entries if b"d" in fields]


def test_ticks_go_to_the_shard_of_their_number(bridge: Bridge):
    even, odd = (make_tick("ACME", 1.8e9, 5.0, token=token) for token in (512, 256))

    run(bridge, json.dumps(even), json.dumps(odd))

    stream = f"{settings.TICK_STREAM}:bridged"
    assert [json.loads(body) for body in ticks_in(f"{stream}:0")] == [[even]]
    assert [json.loads(body) for body in ticks_in(f"{stream}:1")] == [[odd]]


def test_what_is_no_tick_is_passed_on_alone(bridge: Bridge):
    run(bridge, "no tick", json.dumps(make_tick("ACME", 1.8e9, 5.0, token=512)))

    found = ticks_in(f"{settings.TICK_STREAM}:bridged:0")
    assert b"no tick" in found
    assert len(found) == 2


def test_the_time_a_bridge_was_away_is_a_gap(bridge: Bridge):
    seen_at = time.time() - 60
    ground.client().set(f"{settings.TICK_STREAM}:bridged:bridge:seen", seen_at)

    run(bridge)

    gap = BarGap.objects.get()
    assert (gap.reason, gap.shard) == ("bridge_away", None)
    assert gap.from_at.timestamp() == pytest.approx(seen_at, abs=0.001)


def test_a_bridge_that_was_not_away_leaves_no_gap(bridge: Bridge):
    run(bridge)

    assert not BarGap.objects.exists()
