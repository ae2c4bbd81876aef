"""Staff's view of the accounts."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.authentication import principal_of
from accounts.models import ApiKey, TradingAccount, User
from tests.accounts.builders import (
    join,
    make_account,
    make_desk,
    make_key,
    make_user,
    request_with,
)

PAGES = ["user", "desk", "tradingaccount", "apikey"]


@pytest.fixture
def boss(client: Client, db: None) -> User:
    user = make_user("boss", is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


@pytest.fixture
def clerk(client: Client, db: None) -> User:
    """Return staff with every right on the accounts' tables, but no superuser."""
    user = make_user("clerk", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(content_type__app_label="accounts")
    )
    client.force_login(user)
    return user


def key_form(user: User, **fields: object) -> dict[str, object]:
    expires_at = timezone.now() + timedelta(days=30)
    return {
        "name": "Nightly export",
        "user": user.pk,
        "scopes": ["read:market"],
        "allowed_networks": "203.0.113.0/24, 198.51.100.7",
        "expires_at_0": expires_at.strftime("%d/%m/%Y"),
        "expires_at_1": "12:00:00",
        **fields,
    }


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("page", ["changelist", "add"])
def test_every_page_opens(client: Client, boss: User, name: str, page: str):
    join(boss, make_account())
    make_key(boss)
    assert client.get(reverse(f"admin:accounts_{name}_{page}")).status_code == 200


@pytest.mark.parametrize("name", PAGES)
def test_every_list_can_be_searched(client: Client, boss: User, name: str):
    url = reverse(f"admin:accounts_{name}_changelist")
    assert client.get(url, {"q": "nothing"}).status_code == 200


def test_the_sidebar_is_grouped_by_subject(client: Client, boss: User):
    page = client.get(reverse("admin:index")).content.decode()
    for title in (
        "Accounts",
        "System",
        "API keys",
        "Trading accounts",
        "Periodic tasks",
    ):
        assert title in page


def test_the_sidebar_shows_only_what_one_may_see(client: Client, clerk: User):
    page = client.get(reverse("admin:index")).content.decode()
    assert reverse("admin:accounts_apikey_changelist") in page
    assert reverse("admin:tradingsite_process_changelist") not in page


def test_a_key_is_shown_once_and_then_never(client: Client, boss: User):
    response = client.post(reverse("admin:accounts_apikey_add"), key_form(boss))
    key = ApiKey.objects.get()
    (text,) = re.findall(r"tsk_\w{8}_[\w-]{43}_[0-9a-f]{8}", response.content.decode())
    found = principal_of(request_with(text, REMOTE_ADDR="203.0.113.4"))
    assert found is not None
    assert found.key_id == key.public_id
    assert "no-store" in response["Cache-Control"]

    page = client.get(reverse("admin:accounts_apikey_change", args=[key.pk]))
    assert text not in page.content.decode()
    assert key.secret_hash not in page.content.decode()


def test_a_key_may_not_live_longer_than_90_days(client: Client, boss: User):
    far = (timezone.now() + timedelta(days=91)).strftime("%d/%m/%Y")
    form = key_form(boss, expires_at_0=far)
    response = client.post(reverse("admin:accounts_apikey_add"), form)
    assert "A key lives at most 90 days." in response.content.decode()
    assert not ApiKey.objects.exists()


def test_a_network_that_is_none_is_refused(client: Client, boss: User):
    form = key_form(boss, allowed_networks="the office")
    response = client.post(reverse("admin:accounts_apikey_add"), form)
    assert "is not an address or a network" in response.content.decode()
    assert not ApiKey.objects.exists()


def test_keys_are_revoked_not_deleted(client: Client, boss: User):
    key = make_key(boss)
    url = reverse("admin:accounts_apikey_changelist")
    client.post(url, {"action": "revoke", "_selected_action": [key.pk]})
    assert ApiKey.objects.get(pk=key.pk).state == "revoked"
    delete = reverse("admin:accounts_apikey_delete", args=[key.pk])
    assert client.post(delete, {"post": "yes"}).status_code == 403


def test_staff_see_the_accounts_they_are_members_of(client: Client, clerk: User):
    mine = make_account("north-1")
    foreign = make_account("south-1", make_desk("south"))
    join(clerk, mine)
    page = client.get(reverse("admin:accounts_tradingaccount_changelist"))
    assert "north-1" in page.content.decode()
    assert "south-1" not in page.content.decode()
    change = reverse("admin:accounts_tradingaccount_change", args=[foreign.pk])
    assert client.get(change).status_code == 302


def test_staff_find_foreign_accounts_by_no_search(client: Client, clerk: User):
    make_account("south-1", make_desk("south"))
    query = {
        "app_label": "accounts",
        "model_name": "apikey",
        "field_name": "accounts",
        "term": "south",
    }
    answer = client.get(reverse("admin:autocomplete"), query).json()
    assert answer["results"] == []


def test_staff_make_keys_for_themselves_only(client: Client, clerk: User):
    boss = make_user("boss", is_staff=True, is_superuser=True)
    client.post(reverse("admin:accounts_apikey_add"), key_form(boss))
    assert not ApiKey.objects.exists()
    client.post(reverse("admin:accounts_apikey_add"), key_form(clerk))
    assert ApiKey.objects.get().user == clerk


def test_staff_may_not_make_themselves_superusers(client: Client, clerk: User):
    url = reverse("admin:accounts_user_change", args=[clerk.pk])
    client.post(url, {"username": "clerk", "is_superuser": "on", "is_staff": "on"})
    clerk.refresh_from_db()
    assert not clerk.is_superuser


def test_staff_may_not_touch_a_superuser(client: Client, clerk: User):
    boss = make_user("boss", is_staff=True, is_superuser=True)
    password = reverse("admin:auth_user_password_change", args=[boss.pk])
    assert client.get(password).status_code == 403
    change = reverse("admin:accounts_user_change", args=[boss.pk])
    client.post(change, {"username": "pwned"})
    boss.refresh_from_db()
    assert boss.username == "boss"


def test_a_paper_broker_means_paper(client: Client, boss: User):
    form = {
        "name": "North 1",
        "slug": "north-1",
        "desk": make_desk().pk,
        "broker": "paper",
        "broker_client_id": "N1",
        "status": "active",
        "memberships-TOTAL_FORMS": 0,
        "memberships-INITIAL_FORMS": 0,
    }
    response = client.post(reverse("admin:accounts_tradingaccount_add"), form)
    assert "An account of the paper broker is paper." in response.content.decode()
    assert not TradingAccount.objects.exists()
