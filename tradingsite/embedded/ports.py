"""Ports of the loopback interface: which are free, and who may be told so."""

import secrets
import socket

from tradingsite.embedded.errors import EmbeddedError

LOOPBACK = "127.0.0.1"
# Below the ports that systems give to outgoing connections: of those, one that is
# free now may be taken before a server listens on it, or while it starts again.
FIRST_PORT, PORTS = 20_000, 12_000
TRIES = 100


def free_port() -> int:
    """Return a port that nobody listens on now."""
    for _ in range(TRIES):
        port = FIRST_PORT + secrets.randbelow(PORTS)
        if is_free(port):
            return port
    raise EmbeddedError(f"No port of {LOOPBACK} is free.")


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
