"""API keys at the door: who may come in, from where, for how long."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts import credentials
from accounts.authentication import KeyInQuery, principal_of
from accounts.models import ApiKey, User
from accounts.principals import Scope
from tests.accounts.builders import make_key, request_with


def test_a_key_stands_for_its_user(alice: User):
    key = make_key(alice, scopes=[Scope.READ_MARKET])

    principal = principal_of(request_with(key.text))

    assert principal is not None
    assert (principal.username, principal.kind) == ("alice", "api_key")
    assert principal.key_id == key.public_id
    assert principal.scopes == {"read:market"}


def test_only_the_hash_of_a_key_is_kept(alice: User):
    key = make_key(alice)
    secret = key.text.split("_", 2)[2][:43]
    with connection.cursor() as cursor:
        cursor.execute("SELECT accounts_apikey::text FROM accounts_apikey")
        (row,) = cursor.fetchone()
    assert key.public_id in row
    assert secret not in row


def test_an_unknown_id_and_a_wrong_secret_take_the_same_path(alice: User):
    right = credentials.parse(make_key(alice).text)
    other = credentials.make()
    assert right is not None
    wrong_secret = credentials.KeyText(right.public_id, other.secret)
    queries = []
    for shown in (other, wrong_secret):
        with CaptureQueriesContext(connection) as captured:
            assert principal_of(request_with(str(shown))) is None
        queries.append([query["sql"][:60] for query in captured])
    assert queries[0] == queries[1]
    # One look at what was revoked, one at the key.
    assert len(queries[0]) == 2


def test_a_good_key_costs_three_queries_and_then_a_look(
    alice: User, django_assert_num_queries: DjangoAssertNumQueries
):
    key = make_key(alice)
    with django_assert_num_queries(3):
        principal_of(request_with(key.text))
    with django_assert_num_queries(1):
        principal_of(request_with(key.text))


def test_the_answer_is_remembered_within_a_request(
    alice: User, django_assert_num_queries: DjangoAssertNumQueries
):
    request = request_with(make_key(alice).text)
    principal_of(request)
    with django_assert_num_queries(0):
        assert principal_of(request) is not None


def test_an_expired_key_is_refused(alice: User):
    key = make_key(alice, life=timedelta(hours=1))
    with time_machine.travel(timezone.now() + timedelta(hours=2), tick=False):
        assert principal_of(request_with(key.text)) is None


def test_a_revoked_key_is_refused(alice: User):
    key = make_key(alice)
    ApiKey.objects.filter(pk=key.pk).revoke(timezone.now())
    assert principal_of(request_with(key.text)) is None


def test_the_key_of_somebody_who_left_is_refused(alice: User):
    key = make_key(alice)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert principal_of(request_with(key.text)) is None


@pytest.mark.parametrize(
    ("networks", "address", "is_let_in"),
    [
        ([], "198.51.100.7", True),
        (["203.0.113.0/24"], "203.0.113.9", True),
        (["203.0.113.0/24"], "::ffff:203.0.113.9", True),
        (["203.0.113.0/24"], "198.51.100.7", False),
        (["2001:db8::/32"], "2001:db8::1", True),
        (["203.0.113.0/24"], "not an address", False),
        (["203.0.113.0/24"], "", False),
    ],
)
def test_a_key_is_good_on_its_networks_only(
    alice: User, networks: list[str], address: str, is_let_in: bool
):
    scopes = [Scope.READ_MARKET]
    key = make_key(alice, scopes=scopes, allowed_networks=networks)
    request = request_with(key.text, REMOTE_ADDR=address)
    assert (principal_of(request) is not None) is is_let_in


def test_what_a_client_says_of_its_address_is_not_believed(
    alice: User, settings: Settings
):
    key = make_key(alice)
    ApiKey.objects.filter(pk=key.pk).update(allowed_networks=["203.0.113.0/24"])
    told = {"HTTP_X_FORWARDED_FOR": "203.0.113.9, 198.51.100.7"}
    assert principal_of(request_with(key.text, **told)) is None
    settings.BEHIND_PROXY = True
    assert principal_of(request_with(key.text, **told)) is None
    told = {"HTTP_X_FORWARDED_FOR": "198.51.100.7, 203.0.113.9"}
    assert principal_of(request_with(key.text, **told)) is not None


def test_use_is_recorded_at_most_once_a_minute(alice: User):
    key = make_key(alice)
    start = timezone.now()
    seen = []
    for seconds in (0, 30, 59, 61):
        with time_machine.travel(start + timedelta(seconds=seconds), tick=False):
            principal_of(request_with(key.text))
        used_at = ApiKey.objects.get(pk=key.pk).last_used_at
        assert used_at is not None
        seen.append(used_at - start)
    assert [moment.total_seconds() for moment in seen] == [0, 0, 0, 61]


def test_a_key_in_an_address_is_refused_and_revoked(alice: User):
    key = make_key(alice)
    with pytest.raises(KeyInQuery):
        principal_of(RequestFactory().get("/", {"api_key": key.text}))
    assert ApiKey.objects.get(pk=key.pk).revoked_at is not None


def test_a_guessed_id_in_an_address_revokes_nothing(alice: User):
    key = make_key(alice)
    guess = credentials.KeyText(key.public_id, credentials.make().secret)
    with pytest.raises(KeyInQuery):
        principal_of(RequestFactory().get("/", {"q": str(guess)}))
    assert ApiKey.objects.get(pk=key.pk).revoked_at is None


def test_a_bad_key_is_not_saved_by_a_session(alice: User):
    request = request_with(str(credentials.make()))
    request.user = alice
    assert principal_of(request) is None


@pytest.mark.parametrize(
    "change",
    [
        {"scopes": ["everything"]},
        {"expires_at": timezone.now() + timedelta(days=400)},
        {"expires_at": timezone.now() - timedelta(days=400)},
        {"secret_hash": "plain text"},
    ],
)
def test_the_database_refuses_a_key_that_breaks_the_rules(
    alice: User, change: dict[str, Any]
):
    key = make_key(alice)
    with pytest.raises(IntegrityError), transaction.atomic():
        ApiKey.objects.filter(pk=key.pk).update(**change)
