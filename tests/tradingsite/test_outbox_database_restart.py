"""The deliverer outlives its database."""

import os
import subprocess
import sys

import psycopg
import pytest

from tests.tradingsite.children.effects import CREATE
from tests.tradingsite.children.running import DEAD_REDIS, ROOT, running, wait_until
from tradingsite.embedded import PostgresServer

pytestmark = [pytest.mark.own_server, pytest.mark.chaos]
SEND = """
INSERT INTO outbox_messages (topic, shard, key, payload, correlation_id, status,
                             attempts, last_error)
VALUES ('record', '', '', '{"number": 1}', '', 'pending', 0, '')
"""


def delivered(url: str):
    with psycopg.connect(url, connect_timeout=3) as session:
        return len(session.execute("SELECT 1 FROM test_effects").fetchall())


def send(url: str):
    with psycopg.connect(url, connect_timeout=3) as session:
        session.execute(SEND)


@pytest.mark.timeout(180)
def test_deliveries_go_on_after_the_database_was_killed_and_started_again(
    own_postgres: PostgresServer,
):
    url = own_postgres.superuser_url
    environment = {
        "DATABASE_URL": url,
        "DATABASE_OWNER_URL": url,
        "REDIS_URL": DEAD_REDIS,
    }
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "tradingsite", "--skip-checks"],
        cwd=ROOT,
        env=os.environ | environment,
        check=True,
        timeout=120,
        stdout=subprocess.DEVNULL,
    )
    with psycopg.connect(url) as session:
        session.execute(CREATE)
    with running("manage.py", "deliver_outbox", environment=environment) as child:
        send(url)
        wait_until(lambda: delivered(url) == 1)
        own_postgres.kill()
        own_postgres.start()
        send(own_postgres.superuser_url)
        wait_until(lambda: delivered(own_postgres.superuser_url) == 2)

        assert child.poll() is None
