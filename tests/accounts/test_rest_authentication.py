"""The REST doors: what a view behind them gets, and what a refusal says."""

import pytest
from django.test import RequestFactory
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate
from rest_framework.views import APIView

from accounts import credentials
from accounts.models import ApiKey, User
from accounts.permissions import principal_required, scope_required
from accounts.principals import Principal, Scope
from tests.accounts.builders import make_key, request_with


class WhoAmI(APIView):
    """Answers with the subject, as the default doors see it."""

    permission_classes = [IsAuthenticated]

    def get(self, request: Request) -> Response:
        assert isinstance(request.user, User)
        assert isinstance(request.auth, Principal)
        return Response({"user": request.user.username, "kind": request.auth.kind})

    post = get


who_am_i = WhoAmI.as_view()


def test_a_key_opens_the_api(alice: User):
    response = who_am_i(request_with(make_key(alice).text))
    assert response.data == {"user": "alice", "kind": "api_key"}


def test_a_refusal_asks_for_a_key_and_tells_nothing(alice: User):
    wrong = credentials.KeyText(make_key(alice).public_id, credentials.make().secret)
    answers = [
        who_am_i(request_with(text))
        for text in (str(wrong), str(credentials.make()), "tsk_nonsense")
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer["WWW-Authenticate"] for answer in answers} == {'Bearer realm="api"'}
    assert len({str(answer.data["detail"]) for answer in answers}) == 1


def test_nobody_is_asked_for_a_key(db: None):
    response = who_am_i(APIRequestFactory().get("/"))
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_key_in_the_address_is_a_bad_request(alice: User):
    key = make_key(alice)
    response = who_am_i(APIRequestFactory().get("/", {"key": key.text}))
    assert response.status_code == 400
    assert ApiKey.objects.get(pk=key.pk).revoked_at is not None


def test_a_session_opens_the_api(alice: User):
    request = APIRequestFactory().get("/")
    request.user = alice
    assert who_am_i(request).data == {"user": "alice", "kind": "session"}


def test_a_session_needs_its_csrf_token_to_write(alice: User):
    request = APIRequestFactory(enforce_csrf_checks=True).post("/")
    request.user = alice
    assert who_am_i(request).status_code == 403


def test_a_key_needs_no_csrf_token_to_write(alice: User):
    header = f"Bearer {make_key(alice).text}"
    request = APIRequestFactory(enforce_csrf_checks=True).post(
        "/", HTTP_AUTHORIZATION=header
    )
    assert who_am_i(request).status_code == 200


def test_a_forced_user_without_a_principal_is_seen_through(alice: User):
    request = APIRequestFactory().get("/")
    force_authenticate(request, user=alice)
    with pytest.raises(AssertionError):
        who_am_i(request)


def test_a_plain_view_answers_nobody_with_a_problem(db: None):
    view = principal_required(lambda request: Response())
    response = view(RequestFactory().get("/"))
    assert response.status_code == 401
    assert response["Content-Type"] == "application/problem+json"
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_plain_view_refuses_a_key_without_the_scope(alice: User):
    key = make_key(alice, scopes=[Scope.READ_MARKET])
    view = scope_required(Scope.TRADE)(lambda request: Response())
    assert view(request_with(key.text)).status_code == 403


def test_a_plain_view_runs_for_a_key_with_the_scope(alice: User):
    key = make_key(alice, scopes=[Scope.TRADE])
    view = scope_required(Scope.TRADE)(lambda request: Response())
    assert view(request_with(key.text)).status_code == 200
