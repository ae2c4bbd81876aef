"""The servers of one data folder: started together, written down, stopped together."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tradingsite.embedded.folder import DataFolder, write_private
from tradingsite.embedded.postgres import PostgresServer
from tradingsite.embedded.server import Progress, Server, silent
from tradingsite.embedded.valkey import ValkeyServer


class Servers:
    """PostgreSQL and Valkey of a data folder, except what the environment names."""

    def __init__(
        self,
        data: Path,
        *,
        durable: bool = True,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        given = os.environ if environ is None else environ
        self.folder = DataFolder(data.resolve())
        self.postgres: PostgresServer | None = None
        self.valkey: ValkeyServer | None = None
        self._given = {
            key: given[key.upper()]
            for key in ("database_url", "database_owner_url", "redis_url")
            if given.get(key.upper())
        }
        self._published: dict[str, str] = {}
        if "database_url" not in self._given:
            self.postgres = PostgresServer(
                self.folder.path / "postgres", durable=durable
            )
        if "redis_url" not in self._given and not given.get("REDIS_SENTINELS"):
            self.valkey = ValkeyServer(self.folder.path / "valkey", durable=durable)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def embedded(self) -> list[Server]:
        return [server for server in (self.postgres, self.valkey) if server]

    def start(self, progress: Progress = silent) -> None:
        """Take the folder, start what is missing, write the addresses down."""
        self.folder.take()
        try:
            for server in self.embedded:
                server.start(progress)
            self.publish()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop in the reverse order and leave the folder to the next owner."""
        self._file.unlink(missing_ok=True)
        for server in reversed(self.embedded):
            server.stop()
        self.folder.release()

    def addresses(self) -> dict[str, str]:
        """Return the addresses by the names of ``servers.json``."""
        found = dict(self._given)
        if self.postgres:
            found["database_url"] = self.postgres.url
            found["database_owner_url"] = self.postgres.owner_url
        if self.valkey:
            found["redis_url"] = self.valkey.url
        return found | self._published

    def environment(self) -> dict[str, str]:
        """Return the same addresses as a child process expects them."""
        return {name.upper(): address for name, address in self.addresses().items()}

    def publish(self, **addresses: str) -> None:
        """Write down where the running servers are, with ``addresses`` more."""
        self._published.update(addresses)
        write_private(self._file, json.dumps(self.addresses(), indent=2))

    def revive(self) -> list[str]:
        """Spawn again what has died; return the titles of those."""
        return [server.title for server in self.embedded if server.revive()]

    @property
    def _file(self) -> Path:
        return self.folder.path / "servers.json"
