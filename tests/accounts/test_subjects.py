"""Which accounts a subject sees: none by default."""

from collections.abc import Collection

import pytest
from django.db import IntegrityError, transaction

from accounts.authentication import principal_of
from accounts.models import ApiKey, Desk, Membership, TradingAccount, User
from accounts.principals import Principal, Scope
from tests.accounts.builders import (
    join,
    make_account,
    make_desk,
    make_key,
    make_user,
    request_with,
    session_of,
)


def seen_by(principal: Principal | None, *, roles: Collection[str] = ()) -> list[str]:
    accounts = TradingAccount.objects.for_subject(principal, roles=roles)
    return [account.slug for account in accounts]


def test_nobody_sees_nothing(account: TradingAccount):
    assert seen_by(None) == []


def test_a_stranger_sees_nothing(alice: User, account: TradingAccount):
    assert seen_by(session_of(alice)) == []


def test_staff_and_superusers_are_strangers_too(account: TradingAccount):
    boss = make_user("boss", is_staff=True, is_superuser=True)
    assert seen_by(session_of(boss)) == []


def test_a_member_of_a_desk_sees_its_accounts_once(alice: User):
    desk = make_desk()
    first, _second = make_account("north-1", desk), make_account("north-2", desk)
    make_account("south-1", make_desk("south"))
    join(alice, desk)
    join(alice, first)
    assert seen_by(session_of(alice)) == ["north-1", "north-2"]


def test_a_member_of_one_account_sees_that_one(alice: User):
    desk = make_desk()
    first, _second = make_account("north-1", desk), make_account("north-2", desk)
    join(alice, first)
    assert seen_by(session_of(alice)) == ["north-1"]
    assert not Desk.objects.for_subject(session_of(alice)).exists()


def test_a_role_can_be_asked_for(alice: User):
    desk = make_desk()
    first, _second = make_account("north-1", desk), make_account("north-2", desk)
    join(alice, desk, Membership.Role.VIEWER)
    join(alice, first, Membership.Role.TRADER)
    assert seen_by(session_of(alice), roles=["trader"]) == ["north-1"]


def test_a_key_narrows_what_its_user_sees(alice: User):
    desk = make_desk()
    first, _second = make_account("north-1", desk), make_account("north-2", desk)
    foreign = make_account("south-1", make_desk("south"))
    join(alice, desk)
    key = make_key(alice)
    key.accounts.set([first, foreign])
    assert seen_by(principal_of(request_with(key.text))) == ["north-1"]


def test_a_key_without_accounts_sees_nothing(alice: User, account: TradingAccount):
    join(alice, account)
    assert seen_by(principal_of(request_with(make_key(alice).text))) == []


def test_a_key_for_all_accounts_sees_what_its_user_sees(
    alice: User, account: TradingAccount
):
    join(alice, account)
    key = make_key(alice, all_accounts=True)
    assert seen_by(principal_of(request_with(key.text))) == ["north-1"]


def test_a_key_without_the_scope_sees_nothing(alice: User, account: TradingAccount):
    join(alice, account)
    key = make_key(alice, all_accounts=True, scopes=[Scope.READ_MARKET])
    assert seen_by(principal_of(request_with(key.text))) == []


def test_what_one_sees_can_be_locked(alice: User, account: TradingAccount):
    join(alice, account)
    rows = TradingAccount.objects.for_subject(session_of(alice))
    with transaction.atomic():
        assert [row.slug for row in rows.select_for_update()] == ["north-1"]


def test_people_see_their_own_keys_and_keys_see_none(alice: User):
    key = make_key(alice)
    make_key(make_user("bob"))
    mine = ApiKey.objects.for_subject(session_of(alice))
    assert [row.public_id for row in mine] == [key.public_id]
    assert not ApiKey.objects.for_subject(principal_of(request_with(key.text)))


@pytest.mark.parametrize("places", [[], ["desk", "account"]])
def test_a_membership_is_of_a_desk_or_of_an_account(
    alice: User, account: TradingAccount, places: list[str]
):
    choices = {"desk": account.desk, "account": account}
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.create(
            user=alice, **{name: choices[name] for name in places}
        )
