"""The short way answers what the long way answers, whoever asks for whatever."""

import asyncio
import datetime
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db import connections
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import ApiKey, Membership, TokenFamily, User
from accounts.models.sessions import hashed
from marketdata.models import MinuteBar
from tests.accounts.builders import make_desk, make_tokens
from tests.marketdata.builders import (
    epoch,
    ist,
    make_exchange,
    make_hours,
    make_instrument,
    make_minutes,
)
from tests.tradingsite.doors import Answer, Doors, Headers, Request
from tradingsite.fastpath import LOOK_S
from tradingsite.fastpath.admission import ADMITTED_S, NAMED_HEADERS

pytestmark = pytest.mark.django_db(transaction=True)

START, END = epoch("2025-11-20 09:15"), epoch("2025-11-21 15:30")
DAY = f"symbol=NSE:ACME&resolution=1&from={START}&to={END}"
NAMED = {name.decode() for name in NAMED_HEADERS} | {"content-length"}

REQUESTS = {
    "a range": DAY,
    "an escaped symbol": DAY.replace(":", "%3A"),
    "a bare symbol": DAY.replace("NSE:", ""),
    "another order": f"to={END}&countback=5&resolution=5&symbol=ACME",
    "countback": f"symbol=ACME&resolution=1&to={END}&countback=30",
    "hours": f"symbol=ACME&resolution=60&from={START}&to={END}",
    "days": f"symbol=ACME&resolution=1D&from={START - 86400}&to={END}",
    "the open day": f"symbol=ACME&resolution=1&from={START}&to=4000000000&countback=3",
    "ten years": f"symbol=ACME&resolution=1&from={END - 315360000}&to={END}",
    "no data": "symbol=ACME&resolution=1&from=1000000000&to=1000086400",
    "no data, but earlier": f"symbol=ACME&resolution=1&from={END}&to={END + 60}",
    "an unknown symbol": "symbol=NOBODY&resolution=1&from=1&to=2",
    "an ambiguous symbol": "symbol=TWICE&resolution=1&from=1&to=2",
    "an unknown resolution": "symbol=ACME&resolution=7&from=1&to=2",
    "a reversed range": "symbol=ACME&resolution=1&from=2&to=1",
    "no range": "symbol=ACME&resolution=1",
    "words": "symbol=ACME&resolution=1&from=a&to=b",
    "milliseconds": "symbol=ACME&resolution=1&from=179540550000&to=179540950000",
    "no parameters": "",
    "a parameter twice": DAY + "&resolution=60",
    "an empty one": DAY + "&countback=",
    "one that nobody knows": DAY + "&currencyCode=INR",
    "plus signs": DAY.replace("ACME", "+ACME+"),
    "a broken escape": DAY + "&x=%zz",
    "no UTF-8": "symbol=%FF%FE&resolution=1&from=1&to=2",
    "NUL": "symbol=AC%00ME&resolution=1&from=1&to=2",
    "raw bytes": "symbol=\xff&resolution=1&from=1&to=2",
}


@dataclass(frozen=True)
class Caller:
    """Somebody who asks: what they send, and from where."""

    headers: Headers = ()
    address: str = "127.0.0.1"
    query: str = ""
    status: int = 200

    def request(self, query: str, method: str = "GET") -> Request:
        return Request(query + self.query, method, self.headers, self.address)


def arrange() -> User:
    make_hours(make_exchange("NSE"))
    acme = make_instrument("ACME")
    for day in ("2025-11-20", "2025-11-21"):
        make_minutes(acme, f"{day} 09:15", 375)
    make_instrument("TWICE")
    make_instrument("TWICE", "BSE")
    return User.objects.create_user("asha", password="asha-example")


def issued(user: User, **fields: Any) -> str:
    scopes = fields.pop("scopes", ["read:market"])
    key = ApiKey.objects.issue(
        user_id=user.pk,
        name="robot",
        scopes=scopes,
        now=timezone.now(),
        allowed_networks=["127.0.0.0/8"] if "trade" in scopes else [],
    )
    ApiKey.objects.filter(pk=key.pk).update(**fields) if fields else None
    return key.text


def bearer(text: str) -> Headers:
    return (("authorization", f"Bearer {text}"),)


def session_of(user: User, *, age_s: int = 3600) -> Headers:
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.set_expiry(age_s)
    store.create()
    return (("cookie", f"{settings.SESSION_COOKIE_NAME}={store.session_key}"),)


def inactive() -> User:
    return User.objects.create_user("ravi", password="ravi-example", is_active=False)


def expired() -> Headers:
    """Return a session that was over before this began."""
    headers = session_of(User.objects.get(username="asha"))
    model = import_module(settings.SESSION_ENGINE).SessionStore.get_model_class()
    past = timezone.now() - datetime.timedelta(seconds=5)
    model.objects.filter(session_key=hashed(headers[0][1].partition("=")[2])).update(
        expire_date=past
    )
    return headers


def revoked(user: User) -> str:
    return issued(user, revoked_at=timezone.now())


def ended(user: User) -> str:
    pair = make_tokens(user)
    end_programs()
    return pair.access


def end_programs() -> None:
    TokenFamily.objects.all().revoke(timezone.now(), "test")


CALLERS: dict[str, Callable[[User], Caller]] = {
    "nobody": lambda _: Caller(status=401),
    "a session": lambda user: Caller(session_of(user)),
    "an expired session": lambda _: Caller(expired(), status=401),
    "a session of nobody": lambda _: Caller((("cookie", "sessionid=x"),), status=401),
    "an inactive user": lambda _: Caller(session_of(inactive()), status=401),
    "a key": lambda user: Caller(bearer(issued(user))),
    "a key of an inactive user": lambda _: Caller(
        bearer(issued(inactive())), status=401
    ),
    "a revoked key": lambda user: Caller(bearer(revoked(user)), status=401),
    "a key without the scope": lambda user: Caller(
        bearer(issued(user, scopes=["trade"])), status=403
    ),
    "a token": lambda user: Caller(bearer(make_tokens(user).access)),
    "a token of a log-in that ended": lambda user: Caller(
        bearer(ended(user)), status=401
    ),
    "a token without the scope": lambda user: Caller(
        bearer(make_tokens(user, scopes=["trade"]).access), status=403
    ),
    "a token that is none": lambda _: Caller(bearer("eyJ.eyJ.x"), status=401),
    "a key that is none": lambda _: Caller(bearer("tsk_nobody"), status=401),
    "a wrong key and a session": lambda user: Caller(
        bearer("tsk_nobody") + session_of(user), status=401
    ),
    "another scheme": lambda user: Caller(
        (("authorization", "Basic YTpi"), *session_of(user))
    ),
    "a key for this address": lambda user: Caller(
        bearer(issued(user, allowed_networks=["127.0.0.0/8"]))
    ),
    "a key for another address": lambda user: Caller(
        bearer(issued(user, allowed_networks=["203.0.113.0/24"])), status=401
    ),
    "a key from another address": lambda user: Caller(
        bearer(issued(user, allowed_networks=["127.0.0.0/8"])),
        "203.0.113.9",
        status=401,
    ),
    "a key in the address": lambda user: Caller(
        (), query=f"&x={issued(user)}", status=400
    ),
    "another host": lambda user: Caller(
        (*bearer(issued(user)), ("host", "elsewhere.example")), status=400
    ),
}


def named(answer: Answer) -> tuple[int, bytes, set[tuple[str, str]]]:
    """Return what both ways must agree on."""
    headers = {pair for pair in answer.headers if pair[0] in NAMED}
    return answer.status, answer.body, headers


def sane(answer: Answer) -> tuple[int, Any]:
    """Return a refusal without what differs from request to request."""
    status, body, headers = named(answer)
    text = body.replace(answer.correlation_id.encode(), b"ID")
    return status, (text, {pair for pair in headers if pair[0] != "content-length"})


in_thread = sync_to_async(thread_sensitive=True)


@pytest.fixture(autouse=True)
async def threads_leave_no_connection():
    yield
    await in_thread(connections.close_all)()


@pytest.mark.parametrize("who", CALLERS)
async def test_whoever_asks_for_whatever_both_ways_agree(who: str):
    user = await in_thread(arrange)()
    doors, caller = Doors(), await in_thread(CALLERS[who])(user)
    short = 0

    for name, query in REQUESTS.items():
        request = caller.request(query)
        by_the_long = await doors.by_the_long(request)
        for _ in range(3):
            answer, was_short = await doors.by_the_short(request)
            short += was_short
            assert sane(answer) == sane(by_the_long), name
        # What is no address at all is refused before anybody is asked who he is.
        status = 400 if name == "raw bytes" else caller.status
        assert by_the_long.status == status, name

    assert (short > len(REQUESTS)) == (caller.status == 200), "the short way was used"


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
async def test_other_methods_go_the_long_way(method: str):
    user = await in_thread(arrange)()
    doors = Doors()
    headers = bearer(await in_thread(issued)(user))
    await doors.by_the_short(Request(DAY, headers=headers))
    request = Request(DAY, method, headers)

    by_the_long = await doors.by_the_long(request)
    answer, was_short = await doors.by_the_short(request)

    assert sane(answer) == sane(by_the_long)
    assert not was_short


async def test_an_id_that_is_offered_comes_back():
    user = await in_thread(arrange)()
    doors, key = Doors(), await in_thread(issued)(user)
    ids = []
    for offered in ("mine-1", "mine-2", "not sane!", "x" * 65):
        headers = (*bearer(key), ("x-correlation-id", offered))
        answer, _ = await doors.by_the_short(Request(DAY, headers=headers))
        ids.append(answer.correlation_id)

    assert ids[:2] == ["mine-1", "mine-2"]
    assert all(len(chosen) == 32 for chosen in ids[2:])
    assert doors.went_long == 1


async def test_ids_of_our_own_differ():
    user = await in_thread(arrange)()
    doors, key = Doors(), await in_thread(issued)(user)
    request = Request(DAY, headers=bearer(key))
    answers = [await doors.by_the_short(request) for _ in range(50)]

    assert len({answer.correlation_id for answer, _ in answers}) == 50
    assert {len(answer.correlation_id) for answer, _ in answers} == {32}


async def felt_s(
    doors: Doors, request: Request, changed: Callable[[Answer], bool]
) -> float:
    """Ask without a pause; return how long it took until ``changed``."""
    began = time.monotonic()
    while time.monotonic() - began < 3:
        answer, _ = await doors.by_the_short(request)
        if changed(answer):
            return time.monotonic() - began
        await asyncio.sleep(0.02)
    raise AssertionError("It was never felt.")


def revoke_all() -> None:
    ApiKey.objects.all().revoke(timezone.now())


def deactivate() -> None:
    User.objects.update(is_active=False)


def log_out() -> None:
    import_module(
        settings.SESSION_ENGINE
    ).SessionStore.get_model_class().objects.all().delete()


def change_password() -> None:
    user = User.objects.get(username="asha")
    user.set_password("another-example")
    user.save()


def take_role() -> None:
    user = User.objects.get(username="asha")
    Membership.objects.create(user=user, desk=make_desk())
    Membership.objects.filter(user=user).delete()


def narrow() -> None:
    ApiKey.objects.update(allowed_networks=["203.0.113.0/24"])


def expire() -> None:
    now = timezone.now()
    ApiKey.objects.update(created_at=now - datetime.timedelta(days=2), expires_at=now)


REVOCATIONS: dict[str, tuple[str, Callable[[], None]]] = {
    "a key is revoked": ("a key", revoke_all),
    "a key expires": ("a key", expire),
    "a key is narrowed": ("a key", narrow),
    "its user is made inactive": ("a key", deactivate),
    "a user is made inactive": ("a session", deactivate),
    "a user logs out": ("a session", log_out),
    "a log-in of a program is ended": ("a token", end_programs),
    "the user of a token is made inactive": ("a token", deactivate),
    "a role is taken away": ("a session", take_role),
    "a password changes": ("a session", change_password),
}


@pytest.mark.parametrize("what", REVOCATIONS)
async def test_it_is_felt_within_a_second_when(what: str):
    who, revocation = REVOCATIONS[what]
    user = await in_thread(arrange)()
    doors, caller = Doors(), await in_thread(CALLERS[who])(user)
    request = caller.request(DAY)
    asked = [await doors.by_the_short(request) for _ in range(3)]
    answer, was_short = asked[-1]
    assert (answer.status, was_short) == (200, True)
    await in_thread(revocation)()

    assert await felt_s(doors, request, lambda answer: answer.status == 401) <= 1.0


async def test_control_without_the_time_limit_it_is_not_felt(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("tradingsite.fastpath.admission.ADMITTED_S", 60)
    monkeypatch.setattr("tradingsite.fastpath.admission.RENEWED_S", 60)
    user = await in_thread(arrange)()
    doors, caller = Doors(), await in_thread(CALLERS["a key"])(user)
    request = caller.request(DAY)
    await doors.by_the_short(request)
    await in_thread(revoke_all)()

    with pytest.raises(AssertionError, match="never felt"):
        await felt_s(doors, request, lambda answer: answer.status == 401)


async def test_one_request_renews_and_the_others_do_not_wait(
    monkeypatch: pytest.MonkeyPatch,
):
    # However slow the machine is, only the renewal is due.
    for name in ("admission.ADMITTED_S", "admission.RENEWED_S", "LOOK_S", "WAIT_S"):
        monkeypatch.setattr(f"tradingsite.fastpath.{name}", 60.0)
    user = await in_thread(arrange)()
    doors, caller = Doors(), await in_thread(CALLERS["a key"])(user)
    request = caller.request(DAY)
    for _ in range(3):
        await doors.by_the_short(request)
    monkeypatch.setattr("tradingsite.fastpath.admission.RENEWED_S", 0.0)
    went = doors.went_long

    answers = await asyncio.gather(*(doors.by_the_short(request) for _ in range(20)))

    assert doors.went_long == went + 1
    assert {answer.status for answer, _ in answers} == {200}


def correct() -> None:
    MinuteBar.objects.filter(opened_at=ist("2025-11-20 09:16")).update(volume=987654)


async def test_a_correction_is_felt_within_a_second():
    user = await in_thread(arrange)()
    doors, caller = Doors(), await in_thread(CALLERS["a key"])(user)
    request = caller.request(DAY)
    for _ in range(3):
        answer, _ = await doors.by_the_short(request)
    assert b"987654" not in answer.body
    await in_thread(correct)()

    took_s = await felt_s(doors, request, lambda answer: b"987654" in answer.body)

    assert took_s <= 1.0
    assert LOOK_S < ADMITTED_S < 1.0


async def test_two_processes_hear_of_it_without_redis(settings: Settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    user = await in_thread(arrange)()
    first, second = Doors(), Doors()
    caller = await in_thread(CALLERS["a key"])(user)
    request = caller.request(DAY)
    for doors in (first, second):
        for _ in range(3):
            await doors.by_the_short(request)
    await in_thread(correct)()

    for doors in (first, second):
        assert await felt_s(doors, request, lambda a: b"987654" in a.body) <= 1.0


async def test_when_all_places_are_taken_the_long_way_says_so(settings: Settings):
    settings.REQUEST_CONCURRENCY = 1
    user = await in_thread(arrange)()
    doors, caller = Doors(), await in_thread(CALLERS["a key"])(user)
    request = caller.request(DAY)
    for _ in range(3):
        await doors.by_the_short(request)
    doors.fast.state.running = 1

    answer, was_short = await doors.by_the_short(request)

    assert (answer.status, was_short) == (503, False)


async def test_a_question_that_cannot_be_put_together_in_time_goes_the_long_way(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("tradingsite.fastpath.WAIT_S", 0.0)
    user = await in_thread(arrange)()
    doors, caller = Doors(), await in_thread(CALLERS["a key"])(user)
    request = replace(caller.request(DAY))
    by_the_long = await doors.by_the_long(request)

    for _ in range(3):
        answer, _ = await doors.by_the_short(request)
        assert named(answer) == named(by_the_long)
