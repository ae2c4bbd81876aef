"""``/ws/labels``: each user hears what becomes of their labels, all of it, once."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from accounts.models import ApiKey, User
from marketdata.models import Instrument, Label
from tests.accounts.builders import PASSWORD, make_key, make_user
from tests.marketdata.builders import make_instrument
from tests.marketdata.test_labels_api import JSON, LABELS, METADATA, body, made
from tests.sockets import Site, bearer, in_thread, running_site, talking
from tradingsite.models import JournalEntry

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("sockets"),
]


@pytest.fixture(scope="module")
def site(django_db_setup: None) -> Iterator[Site]:
    with running_site() as running:
        yield running


@pytest.fixture
def acme(transactional_db: None) -> Instrument:
    return make_instrument("ACME")


@pytest.fixture
def alice(transactional_db: None) -> User:
    return make_user("alice")


@pytest.fixture
def key(alice: User) -> ApiKey:
    return make_key(alice, scopes=["read:market"])


def browser_of(user: User) -> Client:
    browser = Client()
    assert browser.login(username=user.username, password=PASSWORD)
    return browser


def make_change_and_remove(user: User) -> dict[str, Any]:
    """Make a label, change it, remove it; return it as REST answered it."""
    browser = browser_of(user)
    address = f"{LABELS}/{made(browser)}"
    label: dict[str, Any] = browser.get(address).json()
    browser.patch(address, {"label_type": "bearish"}, content_type=JSON)
    browser.delete(address)
    return label


async def test_every_change_of_a_label_is_told_once_and_in_order(
    site: Site, acme: Instrument, alice: User, key: ApiKey
):
    kept = await in_thread(lambda: made(browser_of(alice)))
    async with talking(site, "/ws/labels", Authorization=bearer(key.text)) as talk:
        await talk.say("subscribe", keys=["acme"])
        assert (await talk.hear("subscribed"))["keys"] == ["NSE:ACME"]
        snapshot = await talk.hear("snapshot")
        label = await in_thread(make_change_and_remove, alice)
        events = [await talk.hear("event") for _ in range(3)]

    assert [one["id"] for one in snapshot["data"]] == [kept]
    assert [event["data"]["type"] for event in events] == [
        "label.create",
        "label.update",
        "label.delete",
    ]
    assert events[0]["data"]["label"]["id"] == label["id"]
    assert events[0]["data"]["label"]["metadata"] == label["metadata"]
    assert events[1]["data"]["label"]["label_type"] == "bearish"
    assert [event["seq"] for event in events] == [2, 3, 4]


async def test_nobody_hears_of_anothers_labels(
    site: Site, acme: Instrument, alice: User, key: ApiKey
):
    stranger = await in_thread(make_user, "stranger")
    async with talking(site, "/ws/labels", Authorization=bearer(key.text)) as talk:
        await talk.say("subscribe", keys=["NSE:ACME"])
        assert (await talk.hear("snapshot"))["data"] == []
        await in_thread(make_change_and_remove, stranger)
        own = await in_thread(lambda: made(browser_of(alice)))
        assert (await talk.hear("event"))["data"]["label"]["id"] == own


@pytest.mark.django_db
def test_a_label_that_is_refused_is_not_told(client: Client, acme: Instrument):
    client.force_login(make_user("asha"))

    answer = client.post(LABELS, body(label_type="wrong"), content_type=JSON)

    assert answer.status_code == 400
    assert not JournalEntry.objects.exists()


def test_what_the_admin_does_is_told(admin_client: Client, acme: Instrument):
    label = Label.objects.create(
        user=make_user("asha"),
        instrument=acme,
        label_type="bullish",
        resolution="5",
        bar_at=METADATA["nearest_candle_timestamp_utc"],
    )

    admin_client.post(
        "/admin/marketdata/label/",
        {"action": "delete_selected", "_selected_action": [label.pk], "post": "yes"},
    )

    (entry,) = JournalEntry.objects.all()
    assert entry.stream_id == label.stream
    assert entry.event["type"] == "label.delete"
    assert not Label.objects.exists()
