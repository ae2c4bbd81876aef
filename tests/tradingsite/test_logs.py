"""Log lines as a process really writes them."""

import json
from typing import Any

import pytest

from tests.tradingsite.children.running import stderr_of

PROGRAM = """
import logging.config
from django.conf import settings
logging.config.dictConfig(settings.LOGGING)
from tradingsite.logs import correlation_id
correlation_id.set("req-1")
log = logging.getLogger("marketdata.test")
{statements}
"""


def written(statements: str, **environment: str) -> str:
    known = {
        "DJANGO_SETTINGS_MODULE": "tradingsite.settings",
        "TRADINGSITE_PROCESS": "ingestor",
    }
    program = PROGRAM.format(statements=statements)
    return stderr_of("-c", program, environment=known | environment)


def events(statements: str, **environment: str) -> list[dict[str, Any]]:
    return [
        json.loads(line) for line in written(statements, **environment).splitlines()
    ]


def test_a_line_is_json_with_the_request_and_the_process():
    (event,) = events("log.info('Took %d', 3, extra={'ticks': 7})")
    assert event["time"].endswith("+00:00")
    assert event["level"] == "INFO"
    assert event["logger"] == "marketdata.test"
    assert event["message"] == "Took 3"
    assert event["request_id"] == "req-1"
    assert event["process"] == "ingestor"
    assert event["ticks"] == 7


def test_what_comes_from_outside_cannot_forge_a_line():
    text = written(r"log.warning('user %s', 'x\n{\"level\":\"ERROR\"}\x1b[31m\u2028')")
    assert len(text.splitlines()) == 1
    assert "\x1b" not in json.loads(text)["message"]


def test_an_exception_stays_on_the_line():
    (event,) = events(
        "\ntry:\n    raise ValueError('password=hunter2')\n"
        "except ValueError:\n    log.exception('Failed')"
    )
    assert "ValueError" in event["exception"]
    assert "hunter2" not in event["exception"]


SECRETS = [
    "key tsk_1a2b3c4d_CANARY43-x_crc is used",
    "postgresql://user:CANARY@host:5432/db",
    "redis://:CANARY@host:6379/0",
    "Authorization: Bearer CANARYCANARY",
    "password=CANARY&next=/",
    '{"api_key": "CANARY"}',
    "Cookie sessionid=CANARY; path=/",
]


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_secrets_are_masked(log_format: str):
    statements = (
        f"for text in {SECRETS!r}: log.info('%s', text); "
        "log.info('x', extra={'note': text})"
    )
    lines = written(statements, LOG_FORMAT=log_format).splitlines()
    assert len(lines) == 2 * len(SECRETS)
    assert not [line for line in lines if "CANARY" in line]
    assert all("***" in line for line in lines)


def test_a_field_named_like_a_secret_is_masked():
    (event,) = events("log.info('x', extra={'access_token': 'CANARY', 'n': 1})")
    assert event["access_token"] == "***"
    assert event["n"] == 1


def test_each_module_may_have_a_level_of_its_own():
    said = events(
        "log.debug('heard'); logging.getLogger('orders').info('unheard')",
        LOG_LEVELS="marketdata=DEBUG,orders=ERROR",
    )
    assert [event["message"] for event in said] == ["heard"]


def test_ordinary_requests_may_be_sampled_and_others_never():
    said = events(
        "log.info('fast', extra={'is_ordinary': True}); log.info('other')",
        LOG_SAMPLE_PERCENT="0",
    )
    assert [event["message"] for event in said] == ["other"]


def test_the_console_is_for_humans():
    said = written("log.info('Took %d', 3, extra={'ticks': 7})", LOG_FORMAT="console")
    assert "INFO    marketdata.test Took 3 ticks=7 [req-1]" in said
