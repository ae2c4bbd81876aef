"""A site behind a PgBouncer that lends out its two connections by the transaction."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from django.conf import settings

from accounts.models import Position
from accounts.principals import Scope
from tests.accounts.builders import join, make_account, make_key, make_user
from tests.accounts.portfolios import later, position
from tests.database import url_of_test_database
from tests.sockets import Site, bearer, in_thread, running_site, talking
from tradingsite.embedded.ports import LOOPBACK, free_port

PGBOUNCER = shutil.which("pgbouncer")

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not PGBOUNCER, reason="needs pgbouncer (apt-get install)"),
]

CONNECTIONS = 2
CONFIGURATION = """
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen_port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = {connections}
max_client_conn = 200
ignore_startup_parameters = options
logfile = {folder}/log
"""
MOVES = 20


@pytest.fixture
def pooled_url(server_folder: Path) -> Iterator[str]:
    """Give the address of the test database behind a PgBouncer."""
    server = urlsplit(settings.DATABASE_URL)
    port = free_port()
    (server_folder / "users").write_text(f'"{server.username}" "{server.password}"\n')
    configuration = server_folder / "pgbouncer.ini"
    configuration.write_text(
        CONFIGURATION.format(
            host=server.hostname,
            port=server.port,
            listen_port=port,
            folder=server_folder,
            connections=CONNECTIONS,
        )
    )
    # It refuses to run as root, and must read and write in the folder.
    for path in (server_folder, server_folder / "users", configuration):
        path.chmod(0o777)
    command = [str(PGBOUNCER), "-q", str(configuration)]
    if os.geteuid() == 0:
        command[1:1] = ["-u", "nobody"]
    login = f"{server.username}:{server.password}@{LOOPBACK}:{port}"
    with subprocess.Popen(command) as process:
        try:
            yield urlsplit(url_of_test_database())._replace(netloc=login).geturl()
        finally:
            process.kill()


async def statuses_of(site: Site, path: str, key: str, times: int) -> set[int]:
    limits = httpx.Limits(max_connections=times)
    async with httpx.AsyncClient(trust_env=False, limits=limits, timeout=30) as client:
        asked = [
            client.get(f"{site.origin}{path}", headers={"Authorization": bearer(key)})
            for _ in range(times)
        ]
        return {answer.status_code for answer in await asyncio.gather(*asked)}


async def test_rest_and_streams_share_two_connections(pooled_url: str):
    account = await in_thread(make_account)
    alice = await in_thread(make_user)
    await in_thread(join, alice, account)
    key = await in_thread(
        make_key, alice, scopes=[Scope.READ_ACCOUNTS], all_accounts=True
    )

    def move(quantity: int) -> None:
        Position.objects.apply(
            account,
            [position("ACME", quantity)],
            as_of=later(quantity),
            is_complete=False,
            source="test",
        )

    direct = url_of_test_database()
    with running_site(DATABASE_URL=pooled_url, DATABASE_DIRECT_URL=direct) as site:
        where = "/ws/positions/north-1"
        async with talking(site, where, Authorization=bearer(key.text)) as talk:
            await talk.hear("snapshot")
            asking = asyncio.create_task(
                statuses_of(site, "/api/v1/accounts/north-1/positions", key.text, 40)
            )
            for quantity in range(1, MOVES + 1):
                await in_thread(move, quantity)
            told = [(await talk.hear("event"))["seq"] for _ in range(MOVES)]
            assert await asking == {200}
        assert await statuses_of(site, "/health/ready", key.text, 1) == {200}
    assert told == list(range(1, MOVES + 1))
