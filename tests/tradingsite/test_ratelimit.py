"""How often one may ask: exact among processes, told in headers, less without Redis."""

import subprocess
import uuid
from contextlib import ExitStack
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.models import User
from tests.accounts.builders import make_key, make_user
from tests.tradingsite.children.running import DEAD_REDIS, running
from tradingsite import ratelimit, redis
from tradingsite.ratelimit import Allowance, LocalCounts
from tradingsite.ratelimit.counting import name_of

PROCESSES, THREADS, TRIES = 4, 8, 10
TOLD = {"limit", "remaining", "reset", "policy"}

PLANS = {
    "anonymous": {"market": 2, "pages": 2, "reports": 2},
    "free": {"market": 3, "money": 20},
    "standard": {"market": 5, "money": 20},
    "internal": {},
    "address": {"market": 6},
}


@pytest.fixture
def plans(settings: Settings) -> None:
    """Give a test limits that a few requests reach, and counts of its own."""
    settings.RATE_LIMIT_PLANS = PLANS
    settings.REDIS_PREFIX = f"test:{uuid.uuid4().hex}"


def key_of(user: User) -> dict[str, str]:
    return {"Authorization": f"Bearer {make_key(user, all_accounts=True).text}"}


def ask(client: Client, headers: dict[str, str] | None = None, **meta: Any) -> Any:
    return client.get("/udf/time", headers=headers or {}, **meta)


def allowed_of(how: str, limit: int) -> int:
    """Return how many of all tries of four processes with 8 threads each passed."""
    key = f"{uuid.uuid4().hex}"
    with ExitStack() as stack:
        children = [
            stack.enter_context(
                running(
                    *("-m", "tests.tradingsite.children.taking", key, str(limit)),
                    *(str(THREADS), str(TRIES), how),
                    output=subprocess.PIPE,
                )
            )
            for _ in range(PROCESSES)
        ]
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
        for child in children:
            child.stdin.write("go\n")  # type: ignore[union-attr]  # a pipe
            child.stdin.flush()  # type: ignore[union-attr]
        said = [child.stdout.readline() for child in children]  # type: ignore[union-attr]
        return sum(map(int, said))


@pytest.mark.django_db
@pytest.mark.parametrize("limit", [1, 100, PROCESSES * THREADS * TRIES - 1])
def test_32_threads_of_four_processes_get_exactly_the_limit(limit: int):
    assert allowed_of("exactly", limit) == limit


@pytest.mark.django_db
def test_reading_before_writing_gives_away_too_many():
    """The control: the same contest, counted by get and set, is seen to fail."""
    assert allowed_of("get-then-set", 100) > 100


def test_a_window_ends_and_another_begins():
    key = uuid.uuid4().hex
    allowance = [Allowance(key, 2)]
    assert [ratelimit.take(allowance).is_allowed for _ in range(3)] == [
        True,
        True,
        False,
    ]
    # The end of the window, as Redis brings it about.
    redis.client().delete(name_of(key))
    assert ratelimit.take(allowance).is_allowed


def test_a_window_has_an_end_from_its_first_request_on():
    key = uuid.uuid4().hex
    ratelimit.take([Allowance(key, 5, window_s=60)])
    first_ms = redis.client().pttl(name_of(key))
    ratelimit.take([Allowance(key, 5, window_s=60)])
    assert 0 < redis.client().pttl(name_of(key)) <= first_ms <= 60_000


def test_all_allowances_must_have_room_and_then_all_are_counted():
    wide, tight = Allowance(uuid.uuid4().hex, 10), Allowance(uuid.uuid4().hex, 1)
    assert ratelimit.take([wide, tight]).limit == 1
    assert not ratelimit.take([wide, tight]).is_allowed
    # What was refused was counted nowhere.
    assert ratelimit.take([wide]).remaining == 8


def test_a_lease_is_counted_beforehand_and_never_beyond_the_limit():
    key = uuid.uuid4().hex
    assert ratelimit.take([Allowance(key, 10)], wanted=4).leased == 4
    second = ratelimit.take([Allowance(key, 10)], wanted=50)
    assert (second.is_allowed, second.leased, second.remaining) == (True, 4, 0)
    assert not ratelimit.take([Allowance(key, 10)], wanted=50).is_allowed


def test_a_lease_is_joined_only_within_its_window():
    first, second = ratelimit.Lease(), ratelimit.Lease()
    key = uuid.uuid4().hex
    first.grant(ratelimit.take([Allowance(key, 10)], wanted=3), "market")
    second.grant(ratelimit.take([Allowance(key, 10)], wanted=3), "market")
    second.join(first)
    assert (first.left, second.left) == (0, 6)

    redis.client().delete(name_of(key))
    later = ratelimit.Lease()
    later.grant(ratelimit.take([Allowance(key, 10)]), "market")
    later.join(second)
    assert later.left == 0


def test_who_is_refused_is_told_why_and_until_when(
    client: Client, plans: None, db: None
):
    headers = key_of(make_user("alice"))
    answers = [ask(client, headers) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    refusal = answers[-1]
    assert refusal["Content-Type"] == "application/problem+json"
    assert refusal.json()["code"] == "rate_limited"
    assert 1 <= int(refusal["Retry-After"]) <= 60


def test_every_answer_tells_how_the_limit_stands(client: Client, plans: None, db: None):
    headers = key_of(make_user("alice"))
    told = [ask(client, headers) for _ in range(2)][-1]
    assert told["RateLimit-Limit"] == "5"
    assert told["RateLimit-Remaining"] == "3"
    assert 1 <= int(told["RateLimit-Reset"]) <= 60
    assert told["RateLimit-Policy"] == '"market";q=5;w=60'
    assert told["RateLimit"].startswith('"market";r=3;t=')


def test_a_plan_says_how_often_and_an_unlimited_one_says_nothing(
    client: Client, plans: None, db: None
):
    free = make_user("free")
    free.plan = User.Plan.FREE
    free.save()
    inside = make_user("inside")
    inside.plan = User.Plan.INTERNAL
    inside.save()
    assert ask(client, key_of(free))["RateLimit-Limit"] == "3"
    headers = key_of(inside)
    answers = [ask(client, headers) for _ in range(10)]
    assert {answer.status_code for answer in answers} == {200}
    assert "RateLimit-Limit" not in answers[0].headers


def test_more_keys_give_no_more_requests(client: Client, plans: None, db: None):
    alice = make_user("alice")
    keys = [key_of(alice) for _ in range(6)]
    assert [ask(client, key).status_code for key in keys][-1] == 429


def test_one_address_has_a_limit_for_all_behind_it(
    client: Client, plans: None, db: None
):
    people = [key_of(make_user(name)) for name in ("alice", "bob")]
    answers = [ask(client, people[index % 2]) for index in range(7)]
    assert [answer.status_code for answer in answers] == [200] * 6 + [429]
    elsewhere = ask(client, people[0], REMOTE_ADDR="203.0.113.7")
    assert elsewhere.status_code == 200


@pytest.mark.parametrize(
    ("behind_proxy", "expected"), [(True, [401, 401, 429]), (False, [401, 401, 429])]
)
def test_a_forged_address_changes_nothing(
    client: Client,
    plans: None,
    db: None,
    settings: Settings,
    behind_proxy: bool,
    expected: list[int],
):
    """What stands before the trusted hop's own entry is what the client says."""
    settings.BEHIND_PROXY = behind_proxy
    statuses = [
        ask(client, {"X-Forwarded-For": f"198.51.100.{n}, 203.0.113.9"}).status_code
        for n in range(3)
    ]
    assert statuses == expected


def test_behind_a_proxy_each_client_has_a_count_of_its_own(
    client: Client, plans: None, db: None, settings: Settings
):
    settings.BEHIND_PROXY = True
    statuses = [
        ask(client, {"X-Forwarded-For": f"203.0.113.{n}"}).status_code for n in range(3)
    ]
    assert statuses == [401] * 3


def test_people_get_a_page(client: Client, plans: None, db: None):
    answers = [client.get("/", headers={"Accept": "text/html"}) for _ in range(3)]
    assert answers[-1].status_code == 429
    assert "Too many requests" in answers[-1].content.decode()


def test_how_we_are_is_never_counted(client: Client, plans: None, db: None):
    statuses = {client.get("/health/live").status_code for _ in range(5)}
    assert statuses == {200}


# --- when Redis is away ---------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "family", "limit", "given"),
    [("/udf/time", "market", 40, 20), ("/api/v1/accounts", "money", 40, 4)],
)
def test_without_redis_a_process_gives_less_and_money_least(
    client: Client,
    db: None,
    settings: Settings,
    path: str,
    family: str,
    limit: int,
    given: int,
):
    settings.RATE_LIMIT_PLANS = {"standard": {family: limit}}
    settings.REDIS_URL = DEAD_REDIS
    headers = key_of(make_user("alice"))
    # A client keeps its middleware, and so the counts of "its process".
    statuses = [client.get(path, headers=headers).status_code for _ in range(limit)]
    assert statuses == [200] * given + [429] * (limit - given)


def test_one_process_counts_exactly_among_its_threads_and_forgets_windows():
    now = [0.0]
    counts = LocalCounts(lambda: now[0])
    allowance = [Allowance("alice", 3)]
    found = [counts.take(allowance) for _ in range(4)]
    assert [each.is_allowed for each in found] == [True, True, True, False]
    assert [each.remaining for each in found] == [2, 1, 0, 0]
    now[0] = 60.0
    assert counts.take(allowance).is_allowed
