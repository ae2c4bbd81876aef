"""A wire between a site and its database that a test may cut."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

CHUNK = 65536


class Relay:
    """Passes bytes on to ``target`` until it is cut; then refuses."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._open: set[socket.socket] = set()
        self._is_cut = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._is_cut = True
        for wire in list(self._open):
            with contextlib.suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self._is_cut = False

    def close(self) -> None:
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if self._is_cut:
                    near.close()
                    continue
                far = socket.create_connection(self._target)
                for source, sink in ((near, far), (far, near)):
                    self._open.add(source)
                    threading.Thread(
                        target=self._pass, args=(source, sink), daemon=True
                    ).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                sink.sendall(data)
        self._open.discard(source)
        for wire in (source, sink):
            with contextlib.suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)
            wire.close()


@contextlib.contextmanager
def relayed(url: str) -> Iterator[tuple[Relay, str]]:
    """Yield a wire to the database at ``url``, and the address of its near end."""
    parts = urlsplit(url)
    relay = Relay((str(parts.hostname), parts.port or 5432))
    who = parts.netloc.rpartition("@")[0]
    try:
        yield relay, parts._replace(netloc=f"{who}@127.0.0.1:{relay.port}").geturl()
    finally:
        relay.close()
