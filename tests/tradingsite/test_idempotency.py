import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db import connection, connections, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import Client, RequestFactory
from django.urls import path
from rest_framework import serializers
from rest_framework.authentication import BasicAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from accounts.models import User
from tests.tradingsite.children.effects import execute, rows
from tests.tradingsite.children.fixtures import effect_tables  # noqa: F401
from tradingsite import claims, outbox
from tradingsite.access import EVERYBODY, open_to
from tradingsite.idempotency import (
    HEADER,
    idempotent,
    idempotent_outside_transaction,
    prune,
)
from tradingsite.models import Claim, IdempotencyKey, OutboxMessage

KEY = {HEADER: "5b9f-1"}


class CountedOrders(APIView):
    """Writes one effect per call: what must not happen twice."""

    authentication_classes = [BasicAuthentication]
    permission_classes = [IsAuthenticated]

    @idempotent
    def post(self, request: Request, desk: str = "asha"):
        number = json.loads(request.body)["number"]
        if number < 0:
            raise serializers.ValidationError({"number": ["It is negative."]})
        with transaction.atomic():
            message = outbox.send("order", {"number": number, "desk": desk})
        if number == 13:
            return HttpResponse(status=502)
        return Response(
            {"order": message.pk, "a": 1},
            status=201,
            headers={"Location": f"/orders/{message.pk}"},
        )


@idempotent
def plain(request: HttpRequest):
    with transaction.atomic():
        message = outbox.send("plain", {})
    return JsonResponse({"order": message.pk})


class Errands(APIView):
    """Goes outside, so it must not be in a transaction; counts how often it went."""

    authentication_classes = [BasicAuthentication]
    permission_classes = [IsAuthenticated]

    @idempotent_outside_transaction
    def post(self, request: Request):
        assert not connection.in_atomic_block
        number = json.loads(request.body)["number"]
        if not number:
            return Response(status=503)
        with transaction.atomic():
            message = outbox.send("errand", {"number": number})
        return Response({"errand": message.pk})


urlpatterns = [
    path("errands", Errands.as_view(), name="errands"),
    path("orders", CountedOrders.as_view(), name="orders"),
    path("desks/<slug:desk>/orders", CountedOrders.as_view(), name="desk-orders"),
    path("plain", open_to(EVERYBODY)(plain), name="plain"),
]
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.tradingsite.test_idempotency"),
]


@pytest.fixture
def alice():
    return get_user_model().objects.create_user("alice", password="x" * 12)


@pytest.fixture
def bob():
    return get_user_model().objects.create_user("bob", password="x" * 12)


def as_user(user: User):
    client = APIClient()
    client.force_authenticate(user)
    return client


def place(
    user: User, number: int = 1, address: str = "/orders", headers: dict[str, str] = KEY
):
    return as_user(user).post(
        address, {"number": number}, format="json", headers=headers
    )


def test_the_same_command_twice_gets_the_first_answer(alice: User):
    first = place(alice)
    second = place(alice)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert second.headers["Location"] == first.headers["Location"]
    assert second.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert OutboxMessage.objects.count() == 1


def test_the_same_key_with_another_body_is_refused(alice: User):
    place(alice, 1)

    second = place(alice, 2)

    assert second.status_code == 422
    assert second.json()["code"] == "idempotency_key_reused"
    assert OutboxMessage.objects.count() == 1


def test_a_command_without_a_key_is_refused(alice: User):
    answers = [place(alice, headers={}), place(alice, headers={HEADER: "k" * 256})]

    assert [each.status_code for each in answers] == [400, 400]
    assert answers[0].json()["code"] == "idempotency_key_required"
    assert not OutboxMessage.objects.exists()


def test_an_invalid_command_leaves_its_key_free(alice: User):
    assert place(alice, -1).status_code == 400
    assert not IdempotencyKey.objects.exists()
    assert place(alice, 1).status_code == 201


def test_a_failed_command_leaves_neither_effect_nor_key(alice: User):
    assert place(alice, 13).status_code == 502
    assert not OutboxMessage.objects.exists()
    assert not IdempotencyKey.objects.exists()


def test_a_key_belongs_to_who_sent_it_and_where(alice: User, bob: User):
    answers = [
        place(alice),
        place(bob),
        place(alice, address="/desks/asha/orders"),
    ]

    assert [each.status_code for each in answers] == [201, 201, 201]
    assert OutboxMessage.objects.count() == 3


def test_a_key_used_for_another_object_of_the_same_route_is_refused(alice: User):
    place(alice, address="/desks/asha/orders")

    assert place(alice, address="/desks/bina/orders").status_code == 422


def test_a_plain_view_is_answered_once_too(alice: User):
    client = Client()
    client.force_login(alice)

    answers = [client.post("/plain", headers=KEY) for _ in range(2)]

    assert answers[0].content == answers[1].content
    assert OutboxMessage.objects.count() == 1


def test_nobody_gets_nowhere():
    with pytest.raises(PermissionDenied):
        plain(RequestFactory().post("/plain", headers=KEY))


def in_another_transaction(function: Callable[[], Any]):
    def call() -> Any:
        try:
            return function()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result(30)


def test_while_the_first_is_at_work_the_second_is_told_to_wait(alice: User):
    with transaction.atomic():
        claims.serialize(f"idempotency\nuser:{alice.pk}\nPOST orders\n{KEY[HEADER]}")
        during = in_another_transaction(lambda: place(alice))
    after = place(alice)

    assert (during.status_code, during.headers["Retry-After"]) == (409, "1")
    assert during.json()["code"] == "idempotency_key_in_use"
    assert after.status_code == 201


def fifty_at_once(user: User, headers: dict[str, str]):
    together = threading.Barrier(10)

    def send(_: int) -> Any:
        together.wait(20)
        try:
            return place(user, headers=headers)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(10) as pool:
        return list(pool.map(send, range(50)))


def test_fifty_of_the_same_command_at_once_have_one_effect(alice: User):
    answers = fifty_at_once(alice, KEY)

    done = [each.content for each in answers if each.status_code == 201]
    assert {each.status_code for each in answers} <= {201, 409}
    assert len(set(done)) == 1
    assert OutboxMessage.objects.count() == 1


@pytest.mark.usefixtures("effect_tables")
def test_control_a_key_looked_up_without_lock_and_constraint_doubles_the_effect():
    execute("ALTER TABLE test_effects DROP CONSTRAINT test_effects_pkey")
    together = threading.Barrier(10)

    def send(_: int) -> Any:
        found = rows("SELECT 1 FROM test_effects")
        together.wait(20)
        if not found:
            execute("INSERT INTO test_effects VALUES (1, 1)")
        connections.close_all()

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(send, range(10)))

    assert rows("SELECT count(*) FROM test_effects")[0][0] > 1


def test_old_answers_are_forgotten(alice: User):
    place(alice)

    assert prune(timedelta(days=7)) == 0
    assert prune(timedelta(seconds=-1)) == 1


def test_the_answer_kept_is_the_bytes_that_were_sent(alice: User):
    answer = place(alice)

    assert bytes(IdempotencyKey.objects.get().body) == answer.content
    assert json.loads(answer.content)["a"] == 1


def test_an_errand_outside_is_run_once_and_outside_any_transaction(alice: User):
    first = place(alice, 1, "/errands")
    second = place(alice, 1, "/errands")

    assert (first.status_code, first.content) == (200, second.content)
    assert second.headers["Idempotent-Replayed"] == "true"
    assert place(alice, 2, "/errands").status_code == 422
    assert OutboxMessage.objects.count() == 1
    # No name stays behind for a key that nobody will use again.
    assert not Claim.objects.exists()


def test_an_errand_that_failed_leaves_its_key_free(alice: User):
    assert place(alice, 0, "/errands").status_code == 503
    assert place(alice, 1, "/errands").status_code == 200


def test_an_errand_without_a_key_is_refused(alice: User):
    answer = place(alice, 1, "/errands", {})
    assert answer.json()["code"] == "idempotency_key_required"


def test_of_many_equal_errands_at_once_one_is_run(alice: User):
    together = threading.Barrier(16)

    def send(_number: int) -> int:
        together.wait(20)
        try:
            return int(place(alice, 1, "/errands").status_code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(16) as pool:
        statuses = set(pool.map(send, range(16)))

    assert 200 in statuses <= {200, 409}
    assert OutboxMessage.objects.count() == 1
