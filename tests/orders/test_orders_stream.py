"""``/ws/orders/{account}``: what becomes of orders, each event once."""

from contextlib import aclosing
from typing import Any

import pytest

from accounts.models import ApiKey, Membership, TradingAccount
from clients.streams import Streams
from tests.accounts.builders import make_account
from tests.accounts.portfolios import later
from tests.orders.builders import report, reported
from tests.sockets import Site, bearer, in_thread, talking

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("sockets"),
]

PATH = "/ws/orders/north-1"


def told(account: TradingAccount, *orders: Any, seconds: float = 0) -> None:
    report(account, *orders, at=later(seconds))


async def test_a_snapshot_then_each_step_and_a_resume_by_the_address(
    site: Site, account: TradingAccount, key: ApiKey
):
    await in_thread(told, account, reported("1"), reported("2", "REJECTED"))
    async with talking(site, PATH, Authorization=bearer(key.text)) as talk:
        snapshot = await talk.hear("snapshot")
        await in_thread(
            told, account, reported("1", filled_quantity=40), reported("2", "REJECTED"),
            seconds=1,
        )  # fmt: skip
        event = await talk.hear("event")
    assert [(one["order_id"], one["status"]) for one in snapshot["data"]] == [
        ("1", "open"),
        ("2", "rejected"),
    ]
    assert (snapshot["key"], snapshot["seq"], event["seq"]) == ("north-1", 2, 3)
    assert event["data"]["order"]["filled_quantity"] == 40
    assert event["data"]["change"]["filled_before"] == 0

    await in_thread(
        told, account, reported("1", "COMPLETE", filled_quantity=100), seconds=2
    )
    where = f"{PATH}?epoch={event['epoch']}&seq={event['seq']}"
    async with talking(site, where, Authorization=bearer(key.text)) as talk:
        first = await talk.hear("event", "snapshot")
        second = await talk.hear("event", "snapshot")
    assert [
        (one["seq"], one["data"]["order"]["order_id"], one["data"]["order"]["status"])
        for one in (first, second)
    ] == [(4, "1", "filled"), (5, "2", "rejected")]
    assert second["data"]["order"]["is_reported"] is False


async def test_a_snapshot_has_the_book_of_today_alone(
    site: Site, account: TradingAccount, key: ApiKey
):
    await in_thread(told, account, reported("1", "COMPLETE", filled_quantity=100))
    await in_thread(told, account, reported("2"), seconds=1)
    async with talking(site, PATH, Authorization=bearer(key.text)) as talk:
        snapshot = await talk.hear("snapshot")
    assert [one["order_id"] for one in snapshot["data"]] == ["2"]


async def test_a_thousand_orders_come_in_frames_that_fit(
    site: Site, account: TradingAccount, key: ApiKey
):
    many = [reported(str(number), status_message="m" * 300) for number in range(1000)]
    await in_thread(told, account, *many)
    found: list[str] = []
    async with talking(site, PATH, Authorization=bearer(key.text)) as talk:
        while True:
            part = await talk.hear("snapshot")
            found += [one["order_id"] for one in part["data"]]
            if part["is_last"]:
                break
    assert found == [str(number) for number in range(1000)]


@pytest.mark.parametrize("slug", ["south-1", "nowhere"])
async def test_anothers_account_is_as_unknown_as_one_that_is_not_there(
    site: Site, key: ApiKey, slug: str
):
    await in_thread(make_account, "south-1")
    where = f"/ws/orders/{slug}"
    async with talking(site, where, Authorization=bearer(key.text)) as talk:
        assert await talk.end() == (4404, f"{slug} is not there, or not for you")


async def test_who_is_member_no_more_is_closed(
    site: Site, account: TradingAccount, key: ApiKey
):
    async with talking(site, PATH, Authorization=bearer(key.text)) as talk:
        await talk.hear("snapshot")
        await in_thread(Membership.objects.all().delete)
        assert await talk.end() == (4403, "orders of north-1 may not be read any more")


async def test_orders_and_positions_of_an_account_are_two_streams(
    site: Site, account: TradingAccount, key: ApiKey
):
    async with talking(site, "/ws/desk", Authorization=bearer(key.text)) as talk:
        for stream in ("positions", "orders"):
            await talk.say("subscribe", stream=stream, keys=["north-1", "nowhere"])
            assert (await talk.hear("subscribed"))["unknown"] == ["nowhere"]
            await talk.hear("snapshot")
        await in_thread(told, account, reported("1"))
        event = await talk.hear("event")
    assert (event["stream"], event["key"], event["seq"]) == ("orders", "north-1", 1)


async def test_the_client_resumes_and_hears_each_step_once(
    site: Site, account: TradingAccount, key: ApiKey
):
    client = Streams([f"ws://127.0.0.1:{site.port}{PATH}"], token=key.text)
    kinds: list[str] = []
    heard: list[int] = []

    async def listen(until: int) -> None:
        async with aclosing(client.follow()) as messages:
            async for message in messages:
                kinds.append(message["type"])
                if message["type"] == "event":
                    heard.append(message["data"]["order"]["filled_quantity"])
                if kinds[-1] in {"event", "snapshot"} and len(heard) == until:
                    return

    for filled in range(1, 11):
        if filled in {1, 5}:
            # Away between these: what happened meanwhile is told when it is back.
            await listen(filled - 1)
        await in_thread(
            told, account, reported("1", filled_quantity=filled), seconds=filled
        )
    await listen(10)

    assert heard == list(range(1, 11))
    assert kinds.count("snapshot") == 1
