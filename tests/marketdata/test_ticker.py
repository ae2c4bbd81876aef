import contextlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from marketdata.ticker import Ticker, TickerRefused, TickerUnavailable

NOBODY = "http://127.0.0.1:1"
ANSWERS = {
    "/health": (200, b'{"status": "ok"}'),
    "/instruments": (503, b""),
    "/quote": (200, b'{"data": {"NSE:ACME": {"last_price": 12.5}}}'),
    "/history": (400, b'{"status": "error"}'),
}


class Played(BaseHTTPRequestHandler):
    """A ticker service that knows four answers."""

    def do_GET(self) -> None:
        status, body = ANSWERS[self.path.partition("?")[0]]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        return


@pytest.fixture
def service() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Played)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@contextlib.contextmanager
def asking(*urls: str) -> Iterator[Ticker]:
    with contextlib.closing(Ticker(urls)) as ticker:
        yield ticker


def test_prices_come_by_symbol(service: str):
    with asking(service) as ticker:
        assert ticker.last_prices(["NSE:ACME", "NSE:GONE"]) == {"NSE:ACME": 12.5}


def test_a_service_that_refuses_is_not_asked_again(service: str):
    with asking(service) as ticker, pytest.raises(TickerRefused):
        ticker.history(1, 0, 60)


def test_a_server_error_is_temporary(service: str):
    with asking(service) as ticker, pytest.raises(TickerUnavailable, match="503"):
        ticker.instruments()


def test_the_second_service_answers_for_the_first(service: str):
    with asking(NOBODY, service) as ticker:
        assert ticker.health() == {"status": "ok"}


def test_a_service_that_stays_away_is_left_in_peace():
    with asking(NOBODY) as ticker:
        for _ in range(5):
            with pytest.raises(TickerUnavailable):
                ticker.health()
        began = time.perf_counter()
        with pytest.raises(TickerUnavailable, match="left in peace"):
            ticker.health()

    # The pause between two tries is all that is left of it.
    assert time.perf_counter() - began < 0.3


def test_no_service_at_all_is_a_sentence():
    with asking() as ticker, pytest.raises(TickerUnavailable, match="TICKER_URL"):
        ticker.health()
