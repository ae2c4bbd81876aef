"""Who tells the audit: every page of the admin that changes something, and doors."""

import datetime
import json

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import audit
from accounts.models import ApiKey, AuditEntry, Desk, Membership, TradingAccount, User
from marketdata.models import Exchange, Holiday
from tests.accounts.builders import (
    PASSWORD,
    join,
    make_account,
    make_desk,
    make_key,
    make_user,
)
from tradingsite.auditing import AuditedAdmin
from tradingsite.models import OutboxMessage

pytestmark = pytest.mark.django_db

# What is personal, or whose every change is another's that is told.
UNTOLD = {"marketdata.label"}


@pytest.fixture
def boss(client: Client, db: None) -> User:
    user = make_user("boss", is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


def told() -> list[AuditEntry]:
    return list(AuditEntry.objects.order_by("id"))


def page(name: str, *args: object) -> str:
    return reverse(f"admin:{name}", args=args)


def inline(prefix: str, **fields: object) -> dict[str, object]:
    form = {"TOTAL_FORMS": 0, "INITIAL_FORMS": 0, **fields}
    return {f"{prefix}-{name}": value for name, value in form.items()}


def test_every_admin_that_changes_something_tells_it():
    """A new admin page without the audit fails here."""
    silent = {
        str(model._meta.label_lower)
        for model, page in admin.site._registry.items()
        if not isinstance(page, AuditedAdmin) and changes(page)
    }
    assert silent == UNTOLD


def changes(page: object) -> bool:
    """Tell whether a page may change rows: whether it says no to a superuser."""
    request = type("Request", (), {"user": User(is_superuser=True, is_active=True)})()
    return bool(page.has_change_permission(request))  # type: ignore[attr-defined]


def test_a_desk_is_made_changed_and_deleted(client: Client, boss: User):
    form = {"name": "North", "slug": "north", "is_active": "on"}
    client.post(page("accounts_desk_add"), {**form, **inline("memberships")})
    desk = Desk.objects.get()
    form["name"] = "Far north"
    change = page("accounts_desk_change", desk.pk)
    client.post(change, {**form, **inline("memberships")})
    client.post(page("accounts_desk_delete", desk.pk), {"post": "yes"})
    actions = [entry.action for entry in told()]
    assert actions == ["desk.added", "desk.changed", "desk.deleted"]
    changed = told()[1]
    assert (changed.before, changed.after) == ({"name": "North"}, {"name": "Far north"})
    assert (changed.actor, changed.target) == ("boss", f"Desk {desk.pk} (Far north)")
    assert told()[2].before["name"] == "Far north"


def test_a_page_saved_without_a_change_tells_nothing(client: Client, boss: User):
    desk = make_desk()
    form = {"name": desk.name, "slug": desk.slug, "is_active": "on"}
    client.post(
        page("accounts_desk_change", desk.pk), {**form, **inline("memberships")}
    )
    assert told() == []


def test_a_form_with_a_mistake_tells_nothing(client: Client, boss: User):
    client.post(page("accounts_desk_add"), {"name": "", **inline("memberships")})
    assert told() == []


def test_members_of_an_account_are_told_in_its_chain(client: Client, boss: User):
    account, alice = make_account(), make_user("alice")
    form = {
        "name": account.name,
        "slug": account.slug,
        "desk": account.desk_id,
        "broker": "paper",
        "broker_client_id": account.broker_client_id,
        "status": "active",
        "is_paper": "on",
        **inline("positions"),
        **inline("holdings"),
        **inline("balances"),
        **inline("sync"),
    }
    change = page("accounts_tradingaccount_change", account.pk)
    first = {"memberships-0-user": alice.pk, "memberships-0-role": "trader"}
    client.post(change, {**form, **inline("memberships", TOTAL_FORMS=1), **first})
    made = Membership.objects.get()
    first |= {
        "memberships-0-id": made.pk,
        "memberships-0-account": account.pk,
        "memberships-0-role": "risk",
    }
    kept = inline("memberships", TOTAL_FORMS=1, INITIAL_FORMS=1)
    client.post(change, {**form, **kept, **first})
    client.post(change, {**form, **kept, **first, "memberships-0-DELETE": "on"})
    assert [entry.action for entry in told()] == [
        "membership.added",
        "membership.changed",
        "membership.deleted",
    ]
    assert {entry.account for entry in told()} == {account}
    assert (told()[1].before, told()[1].after) == ({"role": "trader"}, {"role": "risk"})
    assert told()[2].before["user_id"] == alice.pk


def test_rows_deleted_together_are_told_one_by_one(client: Client, boss: User):
    desks = [make_desk(slug) for slug in ("east", "west")]
    client.post(
        page("accounts_desk_changelist"),
        {
            "action": "delete_selected",
            "_selected_action": [desk.pk for desk in desks],
            "post": "yes",
        },
    )
    assert [entry.action for entry in told()] == ["desk.deleted"] * 2


def test_a_user_and_a_password_are_told_without_it(client: Client, boss: User):
    alice = make_user("alice")
    client.post(
        page("auth_user_password_change", alice.pk),
        {"password1": "a new long secret 1", "password2": "a new long secret 1"},
    )
    [entry] = told()
    assert (entry.action, entry.actor) == ("user.password_changed", "boss")
    assert entry.target == f"User {alice.pk} (alice)"
    assert "new long" not in json.dumps([entry.before, entry.after])


def test_a_key_is_issued_and_revoked(client: Client, boss: User):
    expires_at = timezone.now() + datetime.timedelta(days=30)
    client.post(
        page("accounts_apikey_add"),
        {
            "name": "Nightly",
            "user": boss.pk,
            "scopes": ["read:market"],
            "expires_at_0": expires_at.strftime("%d/%m/%Y"),
            "expires_at_1": "12:00:00",
        },
    )
    key = ApiKey.objects.get()
    chosen = {"action": "revoke", "_selected_action": [key.pk]}
    client.post(page("accounts_apikey_changelist"), chosen)
    client.post(page("accounts_apikey_changelist"), chosen)
    assert [entry.action for entry in told()] == ["key.issued", "key.revoked"]
    assert key.public_id in told()[0].target


def test_a_key_in_an_address_is_revoked_and_told(client: Client):
    key = make_key(make_user())
    client.get("/api/v1/accounts", {"key": key.text})
    entry = AuditEntry.objects.get(action="key.revoked")
    assert entry.after == {"because": "it stood in an address"}
    assert key.text[13:40] not in f"{entry.target} {entry.after}"


def test_ones_own_password_is_told(client: Client):
    alice = make_user("alice")
    client.force_login(alice)
    new = "another good secret"
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    client.post("/password/", form)
    [entry] = told()
    assert (entry.action, entry.actor) == ("user.password_changed", "alice")


def test_a_holiday_of_staff_is_told(client: Client):
    exchange = Exchange.objects.get_or_create(
        code="NSE", defaults={"name": "NSE", "timezone": "Asia/Kolkata"}
    )[0]
    staff = make_user("staff", is_staff=True)
    client.force_login(staff)
    url = "/api/v1/admin/calendar/holidays"
    body = {"calendar": exchange.code, "date": "2031-03-03", "name": "Holi"}
    answer = client.post(url, body, "application/json")
    assert answer.status_code == 201, answer.content
    holiday = Holiday.objects.get(day="2031-03-03")
    client.patch(f"{url}/{holiday.pk}", {"name": "Holi II"}, "application/json")
    client.delete(f"{url}/{holiday.pk}")
    assert [entry.action for entry in told()] == [
        "holiday.added",
        "holiday.changed",
        "holiday.deleted",
    ]
    assert (told()[1].before["name"], told()[1].after["name"]) == ("Holi", "Holi II")


def test_a_repair_of_gaps_is_told(client: Client):
    staff = make_user("staff", is_staff=True)
    client.force_login(staff)
    client.post("/api/v1/gaps/repair", {"exchange": "NSE"}, "application/json")
    [entry] = told()
    assert entry.action == "gaps.repair_requested"
    assert entry.after == {"exchange": "NSE", "sessions": 0}


def test_a_dead_letter_tried_again_is_told(client: Client, boss: User):
    message = OutboxMessage.objects.create(
        topic="x", payload={}, status="dead", finished_at=timezone.now()
    )
    client.post(
        page("tradingsite_outboxmessage_changelist"),
        {"action": "retry", "_selected_action": [message.pk]},
    )
    [entry] = told()
    assert (entry.action, entry.after) == ("outbox.retried", {"messages": 1})


def test_staff_read_the_audit_of_their_accounts_only(client: Client):
    staff = make_user("staff", is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename="view_auditentry"))
    mine, other = make_account(), make_account("south-1")
    join(staff, mine, "risk")
    client.force_login(staff)
    for account in (mine, other, None):
        write(account)
    listed = client.get(page("accounts_auditentry_changelist")).content.decode()
    assert f"account:{mine.pk}" in listed
    assert f"account:{other.pk}" not in listed
    assert "house" not in listed
    hidden = AuditEntry.objects.get(account=other)
    url = page("accounts_auditentry_change", hidden.pk)
    assert client.get(url).status_code == 302


@pytest.mark.parametrize("name", ["auditentry", "auditanchor"])
def test_the_admin_only_shows_the_audit(client: Client, boss: User, name: str):
    write(None)
    assert client.get(page(f"accounts_{name}_changelist")).status_code == 200
    assert client.get(page(f"accounts_{name}_add")).status_code == 403
    pk = AuditEntry.objects.get(action="limit.set").pk
    if name == "auditentry":
        assert client.get(page(f"accounts_{name}_change", pk)).status_code == 200
        assert client.post(page(f"accounts_{name}_delete", pk)).status_code == 403


def test_the_page_shows_what_was_done(client: Client):
    account, user = make_account(), make_user()
    join(user, account, "risk")
    client.force_login(user)
    write(account)
    shown = client.get("/accounts/north-1/audit").content.decode()
    assert "limit.set" in shown
    assert "&lt;b&gt;" in shown
    assert "JSON lines" in shown


@pytest.mark.parametrize("query", ["address=x", "action=%27", "before=x", "before=9"])
def test_the_page_survives_what_is_asked(client: Client, query: str):
    account, user = make_account(), make_user()
    join(user, account, "risk")
    client.force_login(user)
    status = client.get(f"/accounts/north-1/audit?{query}").status_code
    assert status == (200 if query.startswith("before") else 400)


def test_the_page_is_not_found_by_others(client: Client):
    account, user = make_account(), make_user()
    join(user, account, "trader")
    client.force_login(user)
    assert client.get("/accounts/north-1/audit").status_code == 404
    client.logout()
    assert client.get("/accounts/north-1/audit").status_code == 302


def write(account: TradingAccount | None) -> None:
    audit.record(
        "limit.set", account=account, change=audit.Change({}, {"note": "<b>bold</b>"})
    )
