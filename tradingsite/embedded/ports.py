"""Ports of the loopback interface: which are free, and who may be told so."""

import socket

from tradingsite.embedded.errors import EmbeddedError

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a closed connection that lingers does not hold the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def require_free(port: int, *, setting: str) -> None:
    if not is_free(port):
        raise EmbeddedError(
            f"Port {port} of {LOOPBACK} is taken by another program; "
            f"stop it or set {setting} to another port."
        )
