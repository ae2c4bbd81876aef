"""``/ws/quotes`` by real sockets: who may come in, what they hear, what ends it."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey, User
from marketdata import quotes
from marketdata.bars import Bar
from marketdata.models import Instrument
from tests.accounts.builders import make_key, make_tokens, make_user
from tests.marketdata.builders import make_instrument
from tests.sockets import Site, Talk, bearer, in_thread, running_site, talking
from tradingsite import redis as ground

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("sockets"),
]

AT = 1_796_000_000.0
MOST_KEYS = 6


@pytest.fixture(scope="module")
def site(django_db_setup: None) -> Iterator[Site]:
    with running_site(SOCKET_SUBSCRIPTIONS=str(MOST_KEYS)) as running:
        yield running


@pytest.fixture
def acme(transactional_db: None) -> Instrument:
    ground.client().delete(quotes.keys().prices)
    return make_instrument("ACME")


@pytest.fixture
def alice(transactional_db: None) -> User:
    return make_user("alice")


@pytest.fixture
def key(alice: User) -> ApiKey:
    return make_key(alice, scopes=["read:market"])


def tell(instrument: Instrument, *prices: float) -> None:
    """Let the ingestor's last step happen for each of these prices."""
    for place, price in enumerate(prices):
        bar = Bar(instrument.pk, int(AT), price, price, price, price, AT, AT + place)
        quotes.remember([bar])


async def told(instrument: Instrument, *prices: float) -> None:
    await in_thread(tell, instrument, *prices)


async def heard_price(talk: Talk, price: float) -> dict[str, object]:
    """Return the update that brings ``price``."""
    while True:
        message = await talk.hear("update")
        if message["data"]["price"] == price:
            return message


async def test_a_snapshot_and_then_what_changes(
    site: Site, acme: Instrument, key: ApiKey
):
    other = await in_thread(make_instrument, "BRIGHT")
    await told(acme, 101.5)
    async with talking(site, Authorization=bearer(key.text)) as talk:
        assert (await talk.hear())["type"] == "welcome"
        await talk.say("subscribe", keys=["NSE:ACME", "acme", "NSE:BRIGHT", "NSE:NO"])
        subscribed = await talk.hear()
        snapshot = await talk.hear()
        await told(other, 7.0)
        await told(acme, 102.5)
        updates = [await talk.hear("update") for _ in range(2)]

    assert subscribed["unknown"] == ["NSE:NO"]
    assert set(subscribed["keys"]) == {"NSE:ACME", "NSE:BRIGHT"}
    assert snapshot["data"]["NSE:ACME"]["price"] == 101.5
    assert snapshot["data"]["NSE:BRIGHT"] is None
    assert [(one["key"], one["data"]["price"]) for one in updates] == [
        ("NSE:BRIGHT", 7.0),
        ("NSE:ACME", 102.5),
    ]


async def test_only_what_was_asked_for_is_heard(
    site: Site, acme: Instrument, key: ApiKey
):
    other = await in_thread(make_instrument, "BRIGHT")
    async with talking(site, Authorization=bearer(key.text)) as talk:
        await talk.follow("NSE:ACME", "NSE:BRIGHT")
        await talk.say("unsubscribe", keys=["NSE:BRIGHT"])
        assert (await talk.hear("unsubscribed"))["keys"] == ["NSE:BRIGHT"]
        await told(other, 7.0)
        await told(acme, 102.5)
        assert (await talk.hear("update"))["key"] == "NSE:ACME"


async def test_a_batch_comes_as_an_array(site: Site, acme: Instrument, key: ApiKey):
    async with talking(site, Authorization=bearer(key.text)) as talk:
        await talk.follow("NSE:ACME", batch_ms=200)
        await told(acme, 1.0, 2.0, 3.0)
        assert (await heard_price(talk, 3.0))["key"] == "NSE:ACME"


async def test_a_key_in_the_first_frame_will_do(
    site: Site, acme: Instrument, key: ApiKey
):
    async with talking(site) as talk:
        await talk.say("auth", token=key.text)
        assert (await talk.hear())["type"] == "welcome"
        assert "NSE:ACME" in (await talk.follow("NSE:ACME"))["data"]


async def test_a_ticket_opens_one_socket(
    site: Site, acme: Instrument, alice: User, key: ApiKey
):
    text = await in_thread(ticket_with, key)
    async with talking(site) as talk:
        await talk.say("auth", token=text)
        await talk.hear("welcome")
        await talk.follow("NSE:ACME")
        async with talking(site) as again:
            await again.say("auth", token=text)
            assert (await again.end())[0] == 4401
        await in_thread(revoke, "key", alice)
        assert await talk.end() == (4401, "access was revoked")


def ticket_with(key: ApiKey) -> str:
    answer = Client().post(
        "/api/v1/auth/ws-ticket",
        "{}",
        content_type="application/json",
        headers={"Authorization": bearer(key.text)},
    )
    return str(answer.json()["ticket"])


async def test_a_browser_elsewhere_offers_its_token_as_a_subprotocol(
    site: Site, acme: Instrument, alice: User
):
    tokens = await in_thread(make_tokens, alice, proven_at=timezone.now())
    offered = ["tradingsite.v1", f"auth.{tokens.access}"]
    async with talking(site, subprotocols=offered) as talk:
        assert talk.connection.subprotocol == "tradingsite.v1"
        await talk.follow("NSE:ACME")


async def test_a_key_in_the_address_is_refused_and_revoked(site: Site, key: ApiKey):
    async with talking(site, f"/ws/quotes?token={key.text}") as talk:
        assert (await talk.end())[0] == 4401
    async with talking(site, Authorization=bearer(key.text)) as talk:
        assert (await talk.end())[0] == 4401


async def test_a_page_with_a_session_and_our_origin_is_let_in(
    site: Site, acme: Instrument, alice: User
):
    cookie = await in_thread(cookie_of, alice)
    async with talking(site, "/ws/desk", Cookie=cookie, Origin=site.origin) as talk:
        assert "quotes" in (await talk.hear("welcome"))["streams"]
        await talk.follow("NSE:ACME", stream="quotes")


def cookie_of(user: User) -> str:
    browser = Client()
    browser.force_login(user)
    return f"sessionid={browser.cookies['sessionid'].value}"


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "http://evil.example",
        "http://127.0.0.1",
        "https://127.0.0.1:{port}",
        "http://127.0.0.1:{port}.evil.example",
        "http://127.0.0.1:{port}/",
    ],
)
async def test_a_session_from_another_page_is_refused(
    site: Site, alice: User, origin: str
):
    cookie = await in_thread(cookie_of, alice)
    named = {"Origin": origin.format(port=site.port)} if origin else {}
    async with talking(site, Cookie=cookie, **named) as talk:
        assert await talk.end() == (4403, "this Origin is not accepted")


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ('{"type":"auth","token":"tsk_AAAAAAAA_wrong"}', 4401),
        ('{"type":"auth"}', 4400),
        ('{"type":"subscribe","keys":["NSE:ACME"]}', 4401),
        ("ping", 4400),
        ("[" * 10_000, 4400),
        ('{"type":"auth","token":"x","more":1}', 4400),
        ("x" * 20_000, 1009),
    ],
)
async def test_who_does_not_say_who_they_are_is_refused(
    site: Site, alice: User, first: str, code: int
):
    async with talking(site) as talk:
        await talk.connection.send(first)
        assert (await talk.end())[0] == code


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("{", 4400),
        ("null", 4400),
        ('{"type":"drop"}', 4400),
        ('{"type":"subscribe","keys":"NSE:ACME"}', 4400),
        ('{"type":"subscribe","keys":["' + "x" * 200 + '"]}', 4400),
        ('{"type":"subscribe","keys":[],"batch_ms":-1}', 4400),
        (b"\x00\x01", 4400),
        ('{"type":"ping"}' + " " * 17_000, 1009),
    ],
)
async def test_a_frame_that_cannot_be_read_ends_it_with_a_code(
    site: Site, key: ApiKey, frame: str | bytes, code: int
):
    async with talking(site, Authorization=bearer(key.text)) as talk:
        await talk.hear("welcome")
        await talk.connection.send(frame)
        assert (await talk.end())[0] == code


async def test_an_odd_symbol_is_unknown_and_no_error(
    site: Site, acme: Instrument, key: ApiKey
):
    odd = ["", " ", "\0", "NSE:", ":", "NSE:ACME\0", "'; --", "नमस्ते", "NSE:ACME:X"]
    async with talking(site, Authorization=bearer(key.text)) as talk:
        await talk.say("subscribe", keys=odd)
        assert (await talk.hear("subscribed"))["unknown"] == odd


async def test_more_words_than_may_be_looked_up_are_refused(site: Site, key: ApiKey):
    words = [f"NSE:NO{number}" for number in range(2 * MOST_KEYS + 1)]
    async with talking(site, Authorization=bearer(key.text)) as talk:
        await talk.hear("welcome")
        await talk.say("subscribe", keys=words)
        assert (await talk.hear())["code"] == "too_many_subscriptions"
        await talk.say("unsubscribe", keys=words)
        assert (await talk.hear())["code"] == "too_many_subscriptions"
        await talk.say("subscribe", keys=words[:-1])
        assert (await talk.hear())["unknown"] == words[:-1]


async def test_a_stream_that_is_not_there_is_said(site: Site, key: ApiKey):
    async with talking(site, "/ws/desk", Authorization=bearer(key.text)) as talk:
        await talk.say("subscribe", stream="nothing", keys=["x"])
        assert (await talk.hear("error"))["code"] == "unknown_stream"


async def test_a_key_without_the_scope_hears_nothing(
    site: Site, acme: Instrument, alice: User
):
    key = await in_thread(make_key, alice, scopes=["read:accounts"])
    async with talking(site, Authorization=bearer(key.text)) as talk:
        await talk.say("subscribe", keys=["NSE:ACME"])
        assert (await talk.hear("error"))["code"] == "forbidden"
        await told(acme, 5.0)
        await talk.say("ping")
        assert (await talk.hear("pong", "update"))["type"] == "pong"


async def test_an_unknown_path_is_refused_with_a_code(site: Site):
    async with talking(site, "/ws/nothing") as talk:
        assert (await talk.hear())["code"] == "unknown_path"
        assert (await talk.end())[0] == 4404


@pytest.mark.parametrize("end", ["key", "user", "session"])
async def test_what_is_revoked_is_closed_within_a_second(
    site: Site, acme: Instrument, alice: User, key: ApiKey, end: str
):
    cookie = await in_thread(cookie_of, alice)
    headers = (
        {"Cookie": cookie, "Origin": site.origin}
        if end == "session"
        else {"Authorization": bearer(key.text)}
    )
    async with talking(site, **headers) as talk:
        await talk.follow("NSE:ACME")
        await in_thread(revoke, end, alice)
        began = asyncio.get_running_loop().time()
        assert await talk.end() == (4401, "access was revoked")
        # A second is promised; the rest is for busy cores.
        assert asyncio.get_running_loop().time() - began < 3


def revoke(what: str, user: User) -> None:
    if what == "key":
        ApiKey.objects.filter(user=user).revoke(timezone.now())
    elif what == "user":
        User.objects.filter(pk=user.pk).update(is_active=False)
    else:
        user.set_password("another horse battery")
        user.save()


async def test_who_stays_is_not_closed(site: Site, acme: Instrument, key: ApiKey):
    stranger = await in_thread(make_user, "stranger")
    async with talking(site, Authorization=bearer(key.text)) as talk:
        await talk.follow("NSE:ACME")
        other = await in_thread(make_key, stranger)
        async with talking(site, Authorization=bearer(other.text)) as leaving:
            await leaving.hear("welcome")
            await in_thread(revoke, "key", stranger)
            assert (await leaving.end())[0] == 4401
        await told(acme, 9.0)
        await heard_price(talk, 9.0)


async def test_ten_sockets_per_account_and_not_eleven(
    site: Site, key: ApiKey, acme: Instrument
):
    header = bearer(key.text)
    async with AsyncExitStack() as exits:
        for number in range(10):
            talk = await exits.enter_async_context(
                talking(site, address=f"127.0.1.{number + 1}", Authorization=header)
            )
            assert (await talk.hear())["type"] == "welcome"
        async with talking(site, address="127.0.1.99", Authorization=header) as over:
            assert await over.end() == (4429, "more than 10 sockets per account")
    # A place that was given back is free again.
    async with talking(site, Authorization=header) as talk:
        assert (await talk.hear())["type"] == "welcome"


async def test_ten_sockets_per_address_before_anybody_is_known(site: Site):
    async with AsyncExitStack() as exits:
        for _ in range(10):
            await exits.enter_async_context(talking(site, address="127.0.2.1"))
        async with talking(site, address="127.0.2.1") as over:
            assert await over.end() == (4429, "more than 10 sockets per address")
        async with talking(site, address="127.0.2.2") as other:
            await other.say("auth", token="tsk_nobody")
            assert (await other.end())[0] == 4401


async def test_too_many_messages_a_second_end_it(site: Site, key: ApiKey):
    async with talking(site, Authorization=bearer(key.text)) as talk:
        await talk.hear("welcome")
        for _ in range(40):
            await talk.connection.send('{"type":"ping"}')
        assert await talk.end() == (4429, "too many messages a second")


async def test_too_many_subscriptions_are_refused_and_the_rest_goes_on(
    site: Site, key: ApiKey, acme: Instrument
):
    await in_thread(many_instruments)
    names = [f"NSE:MANY{number}" for number in range(MOST_KEYS + 1)]
    async with talking(site, Authorization=bearer(key.text)) as talk:
        await talk.say("subscribe", keys=names)
        assert (await talk.hear("error"))["code"] == "too_many_subscriptions"
        await talk.follow("NSE:ACME")


def many_instruments() -> None:
    for number in range(MOST_KEYS + 1):
        make_instrument(f"MANY{number}")
