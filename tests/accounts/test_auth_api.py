"""How programs log in, renew, show a code, and get a ticket or a key."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import tickets, tokens
from accounts.authentication import principal_of
from accounts.models import ApiKey, Session, TokenFamily, User
from tests.accounts.builders import (
    PASSWORD,
    code_of,
    enrol,
    join,
    make_account,
    make_key,
    make_tokens,
    make_user,
    request_with,
)

NEAR = {"allowed_networks": ["203.0.113.7"]}


def post(client: Client, name: str, body: Any, bearer: str = "", **kwargs: Any):
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    return client.post(
        reverse(f"accounts:{name}", **kwargs),
        body,
        content_type="application/json",
        headers=headers,
    )


def credentials(**changed: Any) -> dict[str, Any]:
    return {"username": "alice", "password": PASSWORD} | changed


def test_a_password_and_a_code_bring_tokens(client: Client, alice: User):
    enrol(alice)
    answer = post(client, "token", credentials(totp=code_of()))
    body = answer.json()
    assert answer.status_code == 200
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 300)
    assert "no-store" in answer["Cache-Control"]
    principal = principal_of(request_with(body["access_token"]))
    assert principal is not None
    assert principal.has_fresh_second_factor(timezone.now())


def test_who_needs_no_second_factor_gets_tokens_without(client: Client, alice: User):
    assert post(client, "token", credentials()).status_code == 200


def test_one_answer_for_whatever_was_wrong(client: Client, alice: User):
    """Who exists, whose password it is, and who has a second factor: not told."""
    enrol(alice)
    make_user("gone", is_active=False)
    make_user("clerk", is_staff=True)
    answers = [
        post(client, "token", credentials(**wrong))
        for wrong in (
            {"password": "no"},
            {"username": "nobody"},
            {"username": "gone"},
            {"username": "clerk"},
            {"totp": ""},
            {"totp": "000000x"},
        )
    ]
    told = [answer.json() | {"request_id": ""} for answer in answers]
    assert {answer.status_code for answer in answers} == {401}
    assert all(body == told[0] for body in told)
    assert told[0]["code"] == "credentials_not_accepted"
    assert answers[0]["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_code_brings_tokens_once(client: Client, alice: User):
    enrol(alice)
    code = code_of()
    assert post(client, "token", credentials(totp=code)).status_code == 200
    assert post(client, "token", credentials(totp=code)).status_code == 401


@pytest.mark.parametrize("wrong", [{"password": "no"}, {"totp": "no"}])
def test_the_sixth_try_is_told_to_wait(
    client: Client, alice: User, wrong: dict[str, str]
):
    enrol(alice)
    for _ in range(5):
        assert post(client, "token", credentials(**wrong)).status_code == 401
    answer = post(client, "token", credentials(totp=code_of()) | wrong)
    assert answer.status_code == 429
    assert answer.json()["code"] == "too_many_tries"
    assert 0 < int(answer["Retry-After"]) <= 15 * 60


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "x",
        {"username": "alice"},
        {"username": "alice", "password": ["x"]},
        {"username": "al\0ice", "password": "x"},
        {"username": "alice", "password": "x" * 1025},
        {"username": "alice", "password": "x", "is_staff": True},
        {"username": "alice", "password": "x", "scopes": ["everything"]},
        {"username": "alice", "password": "x", "scopes": []},
    ],
)
def test_a_body_that_is_none_is_a_bad_request(client: Client, db: None, body: Any):
    answer = post(client, "token", body)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


def test_tokens_may_be_narrowed(client: Client, alice: User):
    answer = post(client, "token", credentials(scopes=["read:market"]))
    principal = principal_of(request_with(answer.json()["access_token"]))
    assert principal is not None
    assert principal.scopes == {"read:market"}


def test_a_refresh_token_is_exchanged_once(client: Client, alice: User):
    first = post(client, "token", credentials()).json()["refresh_token"]
    answer = post(client, "refresh", {"refresh_token": first})
    assert answer.status_code == 200
    again = post(client, "refresh", {"refresh_token": first})
    assert again.status_code == 401
    last = post(client, "refresh", {"refresh_token": answer.json()["refresh_token"]})
    assert last.status_code == 401


def test_a_program_logs_out_with_its_refresh_token(client: Client, alice: User):
    body = post(client, "token", credentials()).json()
    for _ in range(2):
        refresh = {"refresh_token": body["refresh_token"]}
        assert post(client, "revoke", refresh).status_code == 204
    assert principal_of(request_with(body["access_token"])) is None


@pytest.mark.parametrize("secret", ["access", "refresh"])
def test_a_token_in_the_address_is_refused_and_revoked(
    client: Client, alice: User, secret: str
):
    pair = make_tokens(alice)
    answer = client.get(reverse("accounts:me"), {"x": getattr(pair, secret)})
    assert (answer.status_code, answer.json()["code"]) == (400, "key_in_query")
    assert TokenFamily.objects.get().revoked_at is not None


def test_a_ticket_in_the_address_is_refused_and_gone(client: Client, alice: User):
    key = make_key(alice)
    text = post(client, "ws-ticket", {}, key.text).json()["ticket"]
    assert client.get(reverse("accounts:me"), {"ticket": text}).status_code == 400
    assert tickets.redeem(text, "127.0.0.1") is None


def test_a_bearer_is_judged_alone_never_by_the_session(client: Client, alice: User):
    client.force_login(alice)
    for bearer in ("nonsense", "eyJ.eyJ.x", make_tokens(alice).refresh):
        headers = {"Authorization": f"Bearer {bearer}"}
        answer = client.get(reverse("accounts:me"), headers=headers)
        assert answer.status_code == 401


def test_me_says_by_which_door_one_came(client: Client, alice: User):
    pair = make_tokens(alice)
    headers = {"Authorization": f"Bearer {pair.access}"}
    assert client.get(reverse("accounts:me"), headers=headers).json()["kind"] == "token"


# --- step-up -------------------------------------------------------------------


def test_a_fresh_code_is_good_for_five_minutes(client: Client, alice: User):
    enrol(alice)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        pair = make_tokens(alice, proven_at=timezone.now())
        clock.shift(timedelta(minutes=4, seconds=59))
        assert make(client, pair.access).status_code == 201
        clock.shift(timedelta(seconds=1))
        answer = make(client, make_access(pair.family))
        assert (answer.status_code, answer.json()["code"]) == (403, "step_up_required")
        assert shown(client, make_access(pair.family), code_of()) == 204
        assert make(client, make_access(pair.family)).status_code == 201


def make_access(family: TokenFamily) -> str:
    family.refresh_from_db()
    return tokens._signed(family, timezone.now(), timedelta(minutes=5))


def shown(client: Client, bearer: str, code: str) -> int:
    answer = post(client, "step-up", {"code": code}, bearer)
    return int(answer.status_code)


def make(client: Client, bearer: str, **changed: Any):
    body = {"name": "Export", "scopes": ["read:market"]} | changed
    return post(client, "key-list", body, bearer)


def test_a_wrong_code_makes_nothing_fresh(client: Client, alice: User):
    enrol(alice)
    old = timezone.now() - timedelta(minutes=6)
    pair = make_tokens(alice, proven_at=old)
    answer = post(client, "step-up", {"code": "000000x"}, pair.access)
    assert (answer.status_code, answer.json()["code"]) == (403, "code_not_accepted")
    assert make(client, pair.access).status_code == 403


def test_a_key_can_neither_step_up_nor_make_keys(client: Client, alice: User):
    enrol(alice)
    key = make_key(alice)
    assert shown(client, key.text, code_of()) == 403
    assert make(client, key.text).json()["code"] == "step_up_required"
    assert ApiKey.objects.count() == 1


def test_a_session_steps_up_too(client: Client, alice: User):
    enrol(alice)
    client.force_login(alice)
    session = client.session
    session["second_factor_at"] = (timezone.now() - timedelta(minutes=6)).isoformat()
    session.save()
    assert make(client, "").status_code == 403
    assert shown(client, "", code_of()) == 204
    assert make(client, "").status_code == 201


# --- keys ----------------------------------------------------------------------


@pytest.fixture
def access(alice: User) -> str:
    """An access token whose holder showed a code a moment ago."""
    enrol(alice)
    return make_tokens(alice, proven_at=timezone.now()).access


def test_a_key_is_shown_once(client: Client, alice: User, access: str):
    answer = make(client, access)
    body = answer.json()
    assert principal_of(request_with(body["key"])) is not None
    assert "no-store" in answer["Cache-Control"]
    headers = {"Authorization": f"Bearer {access}"}
    listed = client.get(reverse("accounts:key-list"), headers=headers)
    assert [row["id"] for row in listed.json()["results"]] == [body["id"]]
    assert body["key"] not in listed.content.decode()


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"scopes": ["trade"]}, "allowed_networks"),
        ({"scopes": ["trade"], "allowed_networks": ["0.0.0.0/0"]}, "allowed_networks"),
        (
            {"scopes": ["trade"], "allowed_networks": ["2001:db8::/32"]},
            "allowed_networks",
        ),
        ({"allowed_networks": ["the office"]}, "allowed_networks"),
        ({"life_days": 91}, "life_days"),
        ({"life_days": 0}, "life_days"),
        ({"scopes": []}, "scopes"),
        ({"accounts": ["south-1"]}, "accounts"),
        ({"name": ""}, "name"),
        ({"user": 1}, "user"),
    ],
)
def test_a_key_that_breaks_the_rules_is_refused(
    client: Client, access: str, changed: dict[str, Any], field: str
):
    make_account("south-1")
    answer = make(client, access, **changed)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"].startswith(field)
    assert not ApiKey.objects.exists()


def test_a_key_that_trades_names_where_it_is_used(
    client: Client, alice: User, access: str
):
    account = make_account()
    join(alice, account, "trader")
    answer = make(
        client,
        make_tokens(alice, proven_at=timezone.now()).access,
        **NEAR,
        scopes=["trade"],
        accounts=["north-1"],
    )
    assert answer.status_code == 201
    key = ApiKey.objects.get()
    assert key.allowed_networks == ["203.0.113.7"]
    assert list(key.accounts.all()) == [account]


def test_nobody_gives_a_key_more_than_they_have(client: Client, alice: User):
    enrol(alice)
    pair = make_tokens(alice, scopes=["read:market"], proven_at=timezone.now())
    answer = make(client, pair.access, scopes=["read:accounts"])
    assert answer.status_code == 400


def test_a_key_is_revoked_by_its_owner_only(client: Client, alice: User, access: str):
    mine, other = make_key(alice), make_key(make_user("bob"))
    for key, status in ((other, 404), (mine, 204), (mine, 404)):
        url = reverse("accounts:key", args=[key.public_id])
        headers = {"Authorization": f"Bearer {access}"}
        assert client.delete(url, headers=headers).status_code == status
    assert principal_of(request_with(mine.text)) is None
    assert principal_of(request_with(other.text)) is not None


# --- log-ins -------------------------------------------------------------------


def test_one_sees_and_ends_one_s_own_log_ins(client: Client, alice: User):
    Client().force_login(alice)
    Client().force_login(make_user("bob"))
    pair = make_tokens(alice)
    headers = {"Authorization": f"Bearer {pair.access}"}
    rows = client.get(reverse("accounts:log-in-list"), headers=headers).json()
    assert {(row["kind"], row["is_current"]) for row in rows} == {
        ("session", False),
        ("token", True),
    }
    theirs = Session.objects.get(user__username="bob").public_id
    mine = Session.objects.get(user=alice).public_id
    for public_id, status in ((theirs, 404), (mine, 204), (mine, 404)):
        url = reverse("accounts:log-in", args=[public_id])
        assert client.delete(url, headers=headers).status_code == status
    assert not Session.objects.filter(user=alice).exists()


def test_a_key_sees_no_log_ins(client: Client, alice: User):
    Client().force_login(alice)
    headers = {"Authorization": f"Bearer {make_key(alice).text}"}
    assert client.get(reverse("accounts:log-in-list"), headers=headers).json() == []


# --- tickets -------------------------------------------------------------------


@pytest.mark.parametrize("door", ["session", "key", "token"])
def test_a_ticket_carries_whoever_asked_to_a_socket(
    client: Client, alice: User, door: str
):
    bearer = ""
    if door == "session":
        client.force_login(alice)
    elif door == "key":
        bearer = make_key(alice).text
    else:
        bearer = make_tokens(alice).access
    answer = post(client, "ws-ticket", {"scopes": ["read:market"]}, bearer)
    assert (answer.status_code, answer.json()["expires_in"]) == (201, 30)
    principal = tickets.redeem(answer.json()["ticket"], "127.0.0.1")
    assert principal is not None
    assert principal.user_id == alice.pk
    assert principal.scopes == {"read:market"}


def test_nobody_gets_no_ticket(client: Client, db: None):
    assert post(client, "ws-ticket", {}).status_code == 401
