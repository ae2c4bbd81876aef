"""A statement of more than SLOW_QUERY_MS is logged, with its request, everywhere."""

import json
from typing import Any

import pytest
from celery import shared_task
from django.db import connection
from pytest_django.fixtures import Settings

from tests.database import url_of_test_database
from tests.tradingsite.children.running import stderr_of
from tests.tradingsite.slow_site.process import running_site
from tradingsite import logs, metrics

COMMAND = "from django.db import connection as c; c.cursor().execute('{sql}')"


@shared_task
def slow_task() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.2), %s", ["of no concern to a log"])


def slow_lines(text: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [line for line in lines if line["message"].startswith("Slow query")]


@pytest.mark.chaos
@pytest.mark.django_db(transaction=True)
def test_in_a_web_request():
    with running_site(SLOW_QUERY_MS="100") as site:
        site.get("/slow/query?s=0.3", **{"X-Correlation-ID": "slow-one"})
        site.get("/slow/query?s=0")
        (line,) = slow_lines(site.log.read_text())
    assert line["request_id"] == "slow-one"
    assert line["process"] == "web"
    assert line["sql"].startswith("SELECT pg_sleep(%s)")
    assert line["duration_ms"] >= 300


@pytest.mark.django_db
def test_in_a_task(settings: Settings, caplog: pytest.LogCaptureFixture):
    settings.SLOW_QUERY_S = 0.1
    before = metrics.current().slow_queries._value.get()
    token = logs.correlation_id.set("of-the-task")
    slow_task()
    logs.correlation_id.reset(token)
    (record,) = [r for r in caplog.records if r.name == "tradingsite.database.base"]
    assert vars(record)["sql"] == "SELECT pg_sleep(0.2), %s"
    assert "concern" not in caplog.text
    assert metrics.current().slow_queries._value.get() == before + 1


def run_command(sql: str, **environment: str) -> str:
    known = {
        "DATABASE_URL": url_of_test_database(),
        "SLOW_QUERY_MS": "100",
        "TRADINGSITE_PROCESS": "command",
    }
    command = ["manage.py", "shell", "-v", "0", "-c", COMMAND.format(sql=sql)]
    return stderr_of(*command, environment=known | environment)


@pytest.mark.django_db(transaction=True)
def test_in_a_management_command():
    (line,) = slow_lines(run_command("SELECT pg_sleep(0.2)"))
    assert line["process"] == "command"
    assert line["sql"] == "SELECT pg_sleep(0.2)"


@pytest.mark.django_db(transaction=True)
def test_control_djangos_own_engine_says_nothing():
    assert not slow_lines(
        run_command(
            "SELECT pg_sleep(0.2)",
            CONTROL="plain engine",
            DJANGO_SETTINGS_MODULE="tests.tradingsite.slow_site.settings",
        )
    )
