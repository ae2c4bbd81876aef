"""What programs are told about themselves and their accounts."""

from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from accounts.models import Membership, TradingAccount, User
from accounts.principals import Scope
from tests.accounts.builders import make_account, make_desk, make_key


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def test_a_key_learns_who_it_acts_for(client: Client, alice: User):
    key = make_key(alice)
    answer = client.get(reverse("accounts:me"), headers=bearer(key.text))
    assert answer.status_code == 200
    assert answer.json()["username"] == "alice"
    assert answer.json()["kind"] == "api_key"
    assert answer.json()["key_id"] == key.public_id


def test_a_stranger_gets_a_problem_document(client: Client, db: None):
    answer = client.get(reverse("accounts:account-list"))
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "not_authenticated"
    assert answer.json()["request_id"] == answer["X-Correlation-ID"]


def test_a_member_sees_the_accounts_of_the_desk_and_no_others(
    client: Client, alice: User, account: TradingAccount
):
    make_account("elsewhere", make_desk("south"))
    Membership.objects.create(user=alice, desk=account.desk, role="viewer")
    answer = client.get(
        reverse("accounts:account-list"),
        headers=bearer(make_key(alice, all_accounts=True).text),
    )
    assert [row["account_id"] for row in answer.json()["results"]] == [account.slug]


def test_a_key_for_market_data_asks_for_no_accounts(
    client: Client, alice: User, account: TradingAccount
):
    Membership.objects.create(user=alice, desk=account.desk, role="viewer")
    key = make_key(alice, scopes=[Scope.READ_MARKET])
    answer = client.get(reverse("accounts:account-list"), headers=bearer(key.text))
    assert answer.status_code == 403
    assert answer.json()["code"] == "permission_denied"


def test_a_list_of_many_accounts_takes_the_same_queries(
    client: Client,
    alice: User,
    account: TradingAccount,
    django_assert_num_queries: DjangoAssertNumQueries,
):
    Membership.objects.create(user=alice, desk=account.desk, role="viewer")
    key = make_key(alice, all_accounts=True)
    client.get(reverse("accounts:account-list"), headers=bearer(key.text))
    client.get(reverse("accounts:account-list"), headers=bearer(key.text))
    for number in range(20):
        make_account(f"more-{number}", account.desk)
    # A look, and the key again: the membership was made in this very transaction.
    with django_assert_num_queries(8):
        client.get(reverse("accounts:account-list"), headers=bearer(key.text))
