"""The benches themselves: exact consumers, honest ratios, a report that can be read."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench import ground, ticks
from bench.ground import Ground
from bench.history import load
from bench.ingest import contest, stored
from bench.machine import Machine
from bench.report import Figure, as_json, ratios, table
from bench.streams import contest as streams
from bench.ticks import Load

# One prepared ground serves all, and the limits of the one Valkey are changed.
pytestmark = pytest.mark.xdist_group("bench")


@pytest.fixture(scope="module")
def prepared_ground():
    with ground.prepared() as prepared:
        yield prepared


@pytest.mark.parametrize("make", [ticks.plain, ticks.options])
def test_original_and_product_make_every_bar_of_the_rebuild(
    prepared_ground: Ground, make: Callable[[int], Load]
):
    figures = contest.run(prepared_ground, Machine(), 1, [make(1)])

    speeds = [figure for figure in figures if figure.unit == "ticks/s"]
    assert len(speeds) == 4
    # On a quiet machine nobody else held the core: that share may be nothing.
    assert all(figure.median > 0 for figure in figures if figure.unit != "%")


def test_a_bar_that_differs_is_not_accepted(prepared_ground: Ground):
    small = ticks.plain(1)
    wanted = ticks.rebuilt(small)
    arena = contest.Arena(prepared_ground, Machine(), small, wanted)
    with prepared_ground.connect() as connection:
        stored.make_tables(connection)
        key = next(iter(wanted))
        wanted[key] = (*wanted[key][:4], wanted[key][4] + 1)

        with pytest.raises(stored.NotExact, match="1 of 5000"):
            arena.original(1)


def test_plain_ticks_are_74_bytes_and_the_same_in_every_run():
    made, again = ticks.plain(2), ticks.plain(2)

    assert made == again
    assert {len(wire) for wire in made.wires} == {74}
    assert len(ticks.rebuilt(made)) == ticks.INSTRUMENTS * ticks.MINUTES


def test_no_tick_is_ahead_of_the_clock_of_its_stream():
    made = ticks.options(4)
    clock = 0.0
    ahead = []

    for name, value in made.entries(100):
        if name == b"h":
            clock = float(value)
        else:
            ahead += [tick["ts"] - clock for tick in json.loads(value)]

    assert max(ahead) < 1.0


def test_a_missed_target_is_said_and_not_hidden():
    slow = Figure("ingest", (2.0, 4.0, 3.0), "x", "per round", target=5.0)
    quick = Figure("ingest", (6.0,), "x", "per round", target=5.0)

    assert not slow.is_met
    assert quick.is_met
    assert "| NO " in table([slow, quick])
    assert json.loads(as_json("2 cores", [slow]))["figures"][0]["median"] == 3.0


def test_a_ceiling_is_missed_by_what_stands_above_it():
    slow = Figure("page", (60.0,), "ms", "in the server", 50.0, is_ceiling=True)
    quick = Figure("page", (40.0,), "ms", "in the server", 50.0, is_ceiling=True)

    assert not slow.is_met
    assert quick.is_met
    assert "<= 50.00 ms" in table([slow])


def test_ratios_are_taken_within_a_round():
    assert ratios([10.0, 30.0], [5.0, 10.0]) == (2.0, 3.0)


@pytest.mark.parametrize("name", [streams.LIMIT, streams.ORIGINAL, streams.PRODUCT])
def test_every_hub_tells_everybody_everything(
    prepared_ground: Ground, monkeypatch: pytest.MonkeyPatch, name: str
):
    monkeypatch.setattr(streams, "SECONDS", 0.2)
    monkeypatch.setattr(streams, "RATE_SECONDS", 0.5)

    result = streams.measured(streams.KINDS[name], prepared_ground, Machine(), 3)

    assert result.delivered == 1.0
    assert result.per_second > 0


class Answers(BaseHTTPRequestHandler):
    """A server that answers a body, or refuses."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = b"x" * 20_000
        self.send_response(200 if self.path == "/bars" else 500)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object):
        pass


@pytest.fixture
def port():
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join(5)


def test_own_load_keeps_its_connections_and_counts_whole_answers(port: int):
    request = load.request("/bars", {"Host": "127.0.0.1"})

    measured = load.run(port, [request], connections=2, seconds=0.2)

    assert measured.requests > 2
    assert measured.p99_s > 0


def test_own_load_refuses_to_count_errors(port: int):
    request = load.request("/missing", {"Host": "127.0.0.1"})

    with pytest.raises(load.LoadRefused, match="500"):
        load.run(port, [request], connections=1, seconds=5)
