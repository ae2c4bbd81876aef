"""The servers a bench runs on: its own, or a corner of those the environment names."""

import base64
import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import redis
from psycopg import sql

from bench import children
from bench.children import ROOT
from tradingsite.embedded import Servers

# Seals what the bench keeps for a moment; the same in every process of a run.
MASTER_KEY = base64.urlsafe_b64encode(os.urandom(32)).decode()

CONNECT_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class Ground:
    """A migrated database, a Redis with a prefix of our own, and a data folder."""

    database_url: str
    owner_url: str
    redis_url: str
    prefix: str
    data: Path

    def environment(self, **more: str) -> dict[str, str]:
        """Return what the processes of the product are told, as ``up`` tells them."""
        return os.environ | {
            "DJANGO_SETTINGS_MODULE": "tradingsite.settings",
            "DATABASE_URL": self.database_url,
            "DATABASE_OWNER_URL": self.owner_url,
            "REDIS_URL": self.redis_url,
            "REDIS_PREFIX": self.prefix,
            "TRADINGSITE_DATA": str(self.data),
            "TICK_SHARDS": "1",
            "TICK_STREAM": f"{self.prefix}:ticks",
            "TICKER_URL": "",
            "TRADINGSITE_MASTER_KEYS": MASTER_KEY,
            "LOG_LEVEL": "WARNING",
            "PYTHONPATH": str(ROOT),
            **more,
        }

    def connect(self) -> psycopg.Connection:
        """Connect as the owner of the tables; each statement commits itself."""
        return psycopg.connect(
            self.owner_url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S
        )

    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(
            self.redis_url, socket_timeout=60, socket_connect_timeout=CONNECT_TIMEOUT_S
        )


@contextlib.contextmanager
def prepared() -> Iterator[Ground]:
    """Start what is needed, migrate it, and leave nothing behind afterwards."""
    with contextlib.ExitStack() as stack:
        folder = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="tradingsite-bench-")
            )
        )
        servers = stack.enter_context(Servers(folder / "data"))
        ground = stack.enter_context(_corner(servers, folder / "data"))
        children.run(
            children.module("manage", "migrate", "--verbosity=0"),
            ground.environment(DATABASE_URL=ground.owner_url),
        )
        yield ground


@contextlib.contextmanager
def _corner(servers: Servers, data: Path) -> Iterator[Ground]:
    """Yield the ground on ``servers``; what was given keeps nothing of ours."""
    found, prefix = servers.addresses(), f"bench-{os.getpid()}"
    database_url, owner_url = found["database_url"], found.get("database_owner_url", "")
    with contextlib.ExitStack() as stack:
        if servers.postgres is None:
            database_url = owner_url = stack.enter_context(
                _own_database(owner_url or database_url, prefix)
            )
        ground = Ground(database_url, owner_url, found["redis_url"], prefix, data)
        stack.callback(_forget_keys, ground)
        yield ground


@contextlib.contextmanager
def _own_database(url: str, name: str) -> Iterator[str]:
    with _administered(url) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield urlsplit(url)._replace(path=f"/{name}").geturl()
    finally:
        with _administered(url) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            )


def _administered(url: str) -> psycopg.Connection:
    return psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S)


def _forget_keys(ground: Ground) -> None:
    with ground.redis() as client:
        for key in client.scan_iter(f"{ground.prefix}:*", count=1000):
            client.unlink(key)
