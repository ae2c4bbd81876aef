"""A broker that is really asked over HTTP and says what a test lets it say."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from accounts.brokers import calling


@dataclass
class Asked:
    """One request as the broker saw it."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    form: dict[str, list[str]]


@dataclass
class Answer:
    """What is said on a path; ``during`` runs before the body, part by part."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"
    during: Callable[[], None] | None = None
    parts: int = 1


@dataclass
class BrokerServer:
    """The running server: its answers by path, and what it was asked."""

    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)

    def says(self, path: str, body: bytes | str, status: int = 200, **more: Any):
        content = body.encode() if isinstance(body, str) else body
        self.answers[path] = Answer(content, status, **more)

    def hangs(self, path: str) -> None:
        """Say nothing on ``path`` until the server is over."""
        self.says(path, b"{}", during=self.is_over.wait)

    def drips(self, path: str, body: bytes, every_s: float) -> None:
        """Send ``body`` a byte at a time."""
        pause = threading.Event()
        self.says(
            path, body, during=lambda: pause.wait(every_s) and None, parts=len(body)
        )

    def paths(self) -> list[str]:
        return [one.path for one in self.asked]


class Handler(BaseHTTPRequestHandler):
    """Writes down what is asked, and says what it was told to say."""

    protocol_version = "HTTP/1.1"
    told: BrokerServer

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        place = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        form = parse_qs(self.rfile.read(length).decode())
        headers = dict(self.headers)
        query = parse_qs(place.query)
        self.told.asked.append(Asked(self.command, place.path, query, headers, form))
        nothing = Answer(b'{"status":"error"}', 404)
        answer = self.told.answers.get(place.path, nothing)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self._send(answer)

    def _send(self, answer: Answer) -> None:
        step = -(-len(answer.body) // answer.parts) or 1
        for start in range(0, len(answer.body), step):
            if answer.during:
                answer.during()
            if self.told.is_over.is_set():
                self.close_connection = True
                return
            self.wfile.write(answer.body[start : start + step])

    def log_message(self, *args: Any) -> None:
        pass


@contextlib.contextmanager
def broker_server() -> Iterator[BrokerServer]:
    server = BrokerServer()
    handler = type("OwnHandler", (Handler,), {"told": server})
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        calling.forget(server.url)
        server.is_over.set()
        http.shutdown()
        http.server_close()
        thread.join()
