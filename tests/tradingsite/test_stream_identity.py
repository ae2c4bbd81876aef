"""Who opens sockets is counted like who asks anything else."""

import uuid

import pytest
from pytest_django.fixtures import Settings

from tests.accounts.builders import make_key, make_user
from tests.tradingsite.children.running import DEAD_REDIS
from tradingsite.streaming.codes import Close
from tradingsite.streaming.identity import Caller, Handshake, Refused, identify

pytestmark = pytest.mark.django_db

LIMIT = 3
ELSEWHERE = "203.0.113.9"


@pytest.fixture(autouse=True)
def plans(settings: Settings) -> None:
    """Give a test limits that a few handshakes reach, and counts of its own."""
    settings.RATE_LIMIT_PLANS = {
        "anonymous": {"sockets": LIMIT},
        "free": {"sockets": LIMIT},
        "standard": {"sockets": LIMIT},
        "address": {"sockets": 2 * LIMIT},
    }
    settings.REDIS_PREFIX = f"test:{uuid.uuid4().hex}"


def opening(token: str, address: str = ELSEWHERE) -> Caller | None:
    headers = [
        (b"host", b"desk.example"),
        (b"authorization", b"Bearer " + token.encode()),
    ]
    scope = {"path": "/ws/desk", "headers": headers, "client": (address, 4711)}
    return identify(Handshake(scope))


def refusal_of(token: str, address: str = ELSEWHERE) -> Close:
    with pytest.raises(Refused) as refused:
        opening(token, address)
    return refused.value.code


def test_the_next_after_the_limit_is_refused():
    token = make_key(make_user()).text

    opened = [opening(token) for _ in range(LIMIT)]

    assert None not in opened
    assert refusal_of(token) == Close.TOO_MANY


def test_more_keys_of_one_person_open_no_more_sockets():
    user = make_user()
    for _ in range(LIMIT):
        assert opening(make_key(user).text)

    assert refusal_of(make_key(user).text) == Close.TOO_MANY


def test_one_address_tries_so_many_keys_and_another_is_not_kept_out():
    assert [opening(f"tsk_nobody{number}") for number in range(LIMIT)] == [None] * LIMIT

    assert refusal_of("tsk_nobody") == Close.TOO_MANY
    assert opening(make_key(make_user()).text, "198.51.100.1")


def test_without_redis_nobody_is_kept_out(settings: Settings):
    settings.REDIS_URL = DEAD_REDIS
    token = make_key(make_user()).text

    assert None not in [opening(token) for _ in range(LIMIT + 1)]
