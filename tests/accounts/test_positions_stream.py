"""``/ws/positions/{account}``: what becomes of positions, each event once."""

from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from django.db import transaction
from pytest_django import DjangoAssertNumQueries

from accounts.consumers import POSITIONS
from accounts.models import ApiKey, Membership, Position, TradingAccount
from accounts.models.positions import stream_of
from accounts.principals import Principal, Scope
from tests.accounts.builders import (
    join,
    make_account,
    make_desk,
    make_key,
    make_user,
    session_of,
)
from tests.accounts.portfolios import later, position
from tests.sockets import Site, bearer, in_thread, talking
from tradingsite.models import JournalEntry
from tradingsite.streaming import journal

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("sockets"),
]

PATH = "/ws/positions/north-1"


def report(account: TradingAccount, *reported: Any, seconds: float = 0) -> None:
    Position.objects.apply(
        account, reported, as_of=later(seconds), is_complete=True, source="test"
    )


def told(account: TradingAccount) -> list[dict[str, Any]]:
    entries = JournalEntry.objects.filter(stream_id=stream_of(account.pk))
    return [entry.event for entry in entries.order_by("seq")]


# --- what is written --------------------------------------------------------------
def test_each_position_that_moves_is_told_with_its_change(account: TradingAccount):
    report(account, position("ACME", 5), position("BRIGHT", -3))
    report(account, position("ACME", 9), position("BRIGHT", -3), seconds=1)
    report(account, position("BRIGHT", -3), seconds=2)

    assert [
        (one["position"]["symbol"], one["change"]["kind"]) for one in told(account)
    ] == [
        ("ACME", "opened"),
        ("BRIGHT", "opened"),
        ("ACME", "increased"),
        ("ACME", "closed"),
    ]
    last = told(account)[-1]["position"]
    assert (last["quantity"], last["is_reported"]) == (0, False)


def test_the_same_report_and_a_price_alone_tell_nothing(account: TradingAccount):
    report(account, position("ACME", 5))
    before = len(told(account))
    report(account, position("ACME", 5), seconds=1)
    report(account, position("ACME", 5, last_price=Decimal(101)), seconds=2)

    assert len(told(account)) == before
    assert Position.objects.get().last_price == 101


def test_money_is_told_as_text_and_exactly(account: TradingAccount):
    report(account, position("ACME", 5, average_price=Decimal("0.1")))

    first = told(account)[0]["position"]
    assert (first["average_price"], first["last_price"]) == ("0.100000", "100.000000")


def test_what_is_rolled_back_is_not_told(account: TradingAccount):
    with transaction.atomic():
        report(account, position("ACME", 5))
        transaction.set_rollback(True)

    assert told(account) == []


def test_a_thousand_positions_are_told_in_as_many_statements_as_one(
    account: TradingAccount, django_assert_max_num_queries: DjangoAssertNumQueries
):
    many = [position(f"S{number}", 1) for number in range(1000)]
    with django_assert_max_num_queries(20):
        report(account, *many)

    entries = JournalEntry.objects.filter(stream_id=stream_of(account.pk))
    assert list(entries.values_list("seq", flat=True)) == list(range(1, 1001))


# --- who may read -----------------------------------------------------------------
def principals() -> list[Principal]:
    """Return members of a desk, of an account, of nothing, and their keys."""
    north, south = make_desk(), make_desk("south")
    first = make_account("north-1", north)
    make_account("north-2", north)
    make_account("south-1", south)
    people = {name: make_user(name) for name in ("desk", "one", "nobody")}
    join(people["desk"], north)
    join(people["one"], first)
    narrowed = make_key(people["desk"])
    narrowed.accounts.add(first)
    keys = [
        make_key(people["desk"], all_accounts=True),
        make_key(people["one"], scopes=[Scope.READ_MARKET], all_accounts=True),
        narrowed,
    ]
    sessions = [session_of(user) for user in people.values()]
    return [*sessions, *(key.principal() for key in keys)]


def test_who_may_go_on_reading_is_who_may_begin(
    transactional_db: None, django_assert_num_queries: DjangoAssertNumQueries
):
    callers = principals()
    accounts = list(TradingAccount.objects.all())
    pairs = {(who, stream_of(one.pk)) for who, one in product(callers, accounts)}
    may = {
        (who, stream_of(one.pk))
        for who in callers
        for one in TradingAccount.objects.for_subject(who)
    }
    assert may
    assert may < pairs

    with django_assert_num_queries(4):
        assert POSITIONS.readable(pairs) == may


# --- the socket -------------------------------------------------------------------
async def test_a_snapshot_then_each_event_and_a_resume_by_the_address(
    site: Site, account: TradingAccount, key: ApiKey
):
    await in_thread(report, account, position("ACME", 5))
    async with talking(site, PATH, Authorization=bearer(key.text)) as talk:
        snapshot = await talk.hear("snapshot")
        await in_thread(report, account, position("ACME", 7), seconds=1)
        event = await talk.hear("event")
    assert [one["quantity"] for one in snapshot["data"]] == [5]
    assert (snapshot["key"], snapshot["seq"], event["seq"]) == ("north-1", 1, 2)
    assert event["data"]["position"]["quantity"] == 7

    await in_thread(report, account, position("ACME", 9), seconds=2)
    where = f"{PATH}?epoch={event['epoch']}&seq={event['seq']}"
    async with talking(site, where, Authorization=bearer(key.text)) as talk:
        missed = await talk.hear("event", "snapshot")
        await talk.say("ping")
        await talk.hear("pong")
        await talk.say("subscribe", keys=["north-2"])
        assert (await talk.hear("error"))["code"] == "one_key"
    assert (missed["seq"], missed["data"]["position"]["quantity"]) == (3, 9)


async def test_a_position_that_cannot_be_had_is_a_gap(
    site: Site, account: TradingAccount, key: ApiKey
):
    await in_thread(report, account, position("ACME", 5))
    where = f"{PATH}?epoch=of-before&seq=1"
    async with talking(site, where, Authorization=bearer(key.text)) as talk:
        assert (await talk.hear("gap", "snapshot"))["reason"] == "epoch"
        assert (await talk.hear("snapshot"))["data"][0]["quantity"] == 5


@pytest.mark.parametrize(
    "query",
    [
        "seq=1",
        "epoch=x",
        "epoch=x&seq=-1",
        "epoch=x&seq=one",
        "epoch=x&seq=1e1",
        "seq=1e3&epoch=",
    ],
)
async def test_a_position_that_cannot_be_read_is_refused(
    site: Site, key: ApiKey, query: str
):
    async with talking(site, f"{PATH}?{query}", Authorization=bearer(key.text)) as talk:
        assert (await talk.end())[0] == 4400


@pytest.mark.parametrize("slug", ["south-1", "nowhere"])
async def test_anothers_account_is_as_unknown_as_one_that_is_not_there(
    site: Site, key: ApiKey, slug: str
):
    await in_thread(make_account, "south-1")
    async with talking(
        site, f"/ws/positions/{slug}", Authorization=bearer(key.text)
    ) as talk:
        assert await talk.end() == (4404, f"{slug} is not there, or not for you")


async def test_who_is_member_no_more_is_closed(
    site: Site, account: TradingAccount, key: ApiKey
):
    async with talking(site, PATH, Authorization=bearer(key.text)) as talk:
        await talk.hear("snapshot")
        await in_thread(Membership.objects.all().delete)
        assert await talk.end() == (
            4403,
            "positions of north-1 may not be read any more",
        )


async def test_a_key_that_is_narrowed_to_other_accounts_is_closed(
    site: Site, account: TradingAccount, key: ApiKey
):
    await in_thread(ApiKey.objects.update, all_accounts=False)
    await in_thread(key.accounts.add, account)
    async with talking(site, PATH, Authorization=bearer(key.text)) as talk:
        await talk.hear("snapshot")
        await in_thread(key.accounts.clear)
        assert (await talk.end())[0] == 4403


async def test_several_accounts_over_one_socket(
    site: Site, account: TradingAccount, key: ApiKey
):
    other = await in_thread(make_account, "north-2")
    await in_thread(join, await in_thread(getattr, key, "user"), other)
    keys = ["north-1", "north-2", "nowhere"]
    async with talking(site, "/ws/desk", Authorization=bearer(key.text)) as talk:
        await talk.say("subscribe", stream="positions", keys=keys)
        assert (await talk.hear("subscribed"))["unknown"] == ["nowhere"]
        known = {(await talk.hear("snapshot"))["key"] for _ in range(2)}
        assert known == {"north-1", "north-2"}
        await in_thread(report, other, position("ACME", 1))
        assert (await talk.hear("event"))["key"] == "north-2"


def test_numbers_of_two_accounts_are_their_own(account: TradingAccount):
    other = make_account("north-2")
    report(account, position("ACME", 1))
    report(other, position("ACME", 1))

    found = journal.positions([stream_of(account.pk), stream_of(other.pk)])
    assert {place.seq for place in found.values()} == {1}
