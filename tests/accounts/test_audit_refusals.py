"""Refused attempts: written whatever is rolled back, and never a flood."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from asgiref.sync import sync_to_async
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection, connections, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.test import AsyncRequestFactory, Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import ResolverMatch
from django.utils import timezone

from accounts import audit, tasks
from accounts.audit import refusals
from accounts.audit.attempts import refused_attempts
from accounts.models import AuditEntry, RefusalCount, TradingAccount, User
from tests.accounts.builders import PASSWORD, make_account, make_key
from tradingsite.problems import problem

pytestmark = pytest.mark.django_db

View = Callable[[HttpRequest], HttpResponse]


def refused() -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(outcome="refused").order_by("id"))


def refuse(count: int, address: str = "203.0.113.7") -> None:
    request = RequestFactory().get("/", REMOTE_ADDR=address)
    for _ in range(count):
        audit.record("order.place", source=request, refused="no right")


# --- what is refused ------------------------------------------------------------------


def test_a_request_without_a_log_in(client: Client, db: None):
    assert client.get("/api/v1/accounts").status_code == 401
    [told] = refused()
    assert (told.action, told.reason) == ("request.refused", "not_authenticated")
    assert (told.target, told.actor) == ("GET /api/v1/accounts", "anonymous")


def test_a_key_without_the_scope(client: Client, alice: User):
    key = make_key(alice, scopes=["read:accounts"])
    answer = client.get("/api/v1/gaps", headers={"Authorization": f"Bearer {key.text}"})
    assert answer.status_code == 403
    [told] = refused()
    assert (told.key_id, told.on_behalf_of) == (key.public_id, "alice")


def test_a_form_without_its_token(alice: User):
    client = Client(enforce_csrf_checks=True)
    assert client.post("/login/", {"username": "alice"}).status_code == 403
    [told] = refused()
    assert told.reason == "csrf"


def test_a_rest_call_of_a_page_without_its_token(alice: User):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    answer = client.post("/api/v1/gaps/repair", {}, "application/json")
    assert answer.status_code == 403
    [told] = refused()
    assert (told.reason, told.actor) == ("csrf", "alice")


def test_a_wrong_password_names_the_person(client: Client, alice: User):
    client.post("/login/", {"username": "alice", "password": "guess"})
    [told] = refused()
    assert (told.action, told.reason) == ("log_in.begun", "wrong name or password")
    assert told.target == f"User {alice.pk} (alice)"


def test_an_unknown_name_may_be_a_password_and_is_not_told(client: Client):
    client.post("/login/", {"username": "my-secret-pass", "password": "guess"})
    [told] = refused()
    assert told.target == "unknown name"


def test_too_many_log_ins_are_told(client: Client, alice: User):
    for _ in range(6):
        client.post("/login/", {"username": "alice", "password": "guess"})
    assert refused()[-1].reason == "throttled"


def test_an_ordinary_answer_writes_nothing(client: Client, alice: User):
    client.force_login(alice)
    assert client.get("/api/v1/accounts").status_code == 200
    assert client.get("/nowhere").status_code == 404
    assert refused() == []


def answer_as(view: View, request: HttpRequest, **kwargs: object) -> HttpResponse:
    request.resolver_match = ResolverMatch(view, (), kwargs)
    response = refused_attempts(view)(request)
    assert isinstance(response, HttpResponse)
    return response


def test_someone_elses_account_and_nobodys_cost_the_same(account: TradingAccount):
    def view(request: HttpRequest) -> HttpResponse:
        return problem(request, 404)

    counts = []
    answer_as(view, RequestFactory().get("/"), account="warm")
    for slug in (account.slug, "nobodys"):
        with CaptureQueriesContext(connection) as seen:
            answer_as(view, RequestFactory().get("/"), account=slug)
        counts.append(len(seen.captured_queries))
    assert counts[0] == counts[1] > 0
    assert [told.account for told in refused()] == [None, account, None]


def test_what_the_view_told_is_not_told_twice(account: TradingAccount):
    def view(request: HttpRequest) -> HttpResponse:
        audit.record("order.place", source=request, account=account, refused="limit")
        return problem(request, 403)

    answer_as(view, RequestFactory().get("/"))
    assert [told.reason for told in refused()] == ["limit"]


# --- whatever is rolled back ----------------------------------------------------------


def test_a_refusal_stays_when_the_view_rolls_back(account: TradingAccount):
    @transaction.atomic
    def place(request: HttpRequest) -> None:
        audit.record("limit.set", source=request, account=account)
        audit.record("order.place", source=request, account=account, refused="limit")
        raise PermissionDenied

    def view(request: HttpRequest) -> HttpResponse:
        try:
            place(request)
        except PermissionDenied:
            return problem(request, 403)
        raise Http404

    answer_as(view, RequestFactory().get("/"))
    assert [told.action for told in AuditEntry.objects.all()] == ["order.place"]


def test_without_the_keeping_it_would_be_lost(account: TradingAccount):
    """The control: a refusal that is written in the transaction it ends."""
    with transaction.atomic():
        audit.record("order.place", account=account, refused="limit")
        transaction.set_rollback(True)
    assert refused() == []


def test_a_task_keeps_its_refusals_as_requests_do(account: TradingAccount):
    with audit.written_afterwards(), transaction.atomic():
        audit.record("order.place", account=account, refused="limit")
        transaction.set_rollback(True)
    assert len(refused()) == 1


def test_a_refusal_is_written_though_the_task_fails(account: TradingAccount):
    with pytest.raises(RuntimeError), audit.written_afterwards():  # noqa: PT012
        audit.record("order.place", account=account, refused="limit")
        raise RuntimeError
    assert len(refused()) == 1


async def _denied(request: HttpRequest) -> HttpResponse:
    audit.record("order.place", source=request, refused="limit")
    return problem(request, 403)


@pytest.mark.django_db(transaction=True)
async def test_an_async_view_is_written_down_too():
    request = AsyncRequestFactory().get("/")
    response = await refused_attempts(_denied)(request)
    assert response.status_code == 403
    told = await AuditEntry.objects.aget()
    await sync_to_async(connections.close_all)()
    assert told.reason == "limit"


def test_a_database_that_fails_changes_nothing_of_the_refusal(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def fail(entry: AuditEntry) -> None:
        raise DatabaseError

    monkeypatch.setattr(refusals, "append", fail)
    refuse(1)
    assert "was not written down" in caplog.text


# --- never a flood --------------------------------------------------------------------


def later(seconds: float = 61) -> datetime:
    return timezone.now() + timedelta(seconds=seconds)


def test_one_subject_at_one_address_gets_few_entries_and_a_sum():
    refuse(1000)
    assert len(refused()) == refusals.MOST_EACH
    refusals.summarize(later())
    told = refused()[-1]
    assert (told.action, told.after["count"]) == ("refusals.counted", 990)
    assert (told.actor, told.address) == ("anonymous", "203.0.113.7")
    assert not RefusalCount.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_limit_is_exact_when_all_come_at_once():
    start = threading.Barrier(20)

    def try_thrice() -> None:
        start.wait()
        try:
            refuse(3)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=try_thrice) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused()) == refusals.MOST_EACH
    tasks.summarize_refusals()
    assert RefusalCount.objects.get(subject="anonymous").count == 60


def test_without_the_limits_it_would_be_a_flood(monkeypatch: pytest.MonkeyPatch):
    """The control: the same attempts, each with an entry of its own."""
    monkeypatch.setattr(refusals, "MOST_EACH", 10**9)
    monkeypatch.setattr(refusals, "MOST_TOGETHER", 10**9)
    refuse(1000)
    assert len(refused()) == 1000


def test_many_addresses_together_have_a_most_too(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(refusals, "MOST_TOGETHER", 20)
    for number in range(50):
        refuse(2, f"198.51.100.{number}")
    assert len(refused()) == 20
    refusals.summarize(later())
    told = refused()[-1]
    assert (told.actor, told.after["count"]) == ("everybody", 80)


def test_one_customers_ipv6_network_is_one_address():
    for number in range(1, 40):
        refuse(1, f"2001:db8:0:1::{number:x}")
    assert len(refused()) == refusals.MOST_EACH


def test_another_subject_is_not_hidden_by_a_flood(alice: User):
    refuse(500)
    request = RequestFactory().get("/", REMOTE_ADDR="203.0.113.7")
    request.user = alice
    audit.record("order.place", source=request, refused="no right")
    assert refused()[-1].actor == "alice"


def test_a_window_that_is_over_is_summed_up_by_the_next_refusal():
    refuse(15)
    RefusalCount.objects.update(window_started_at=timezone.now() - refusals.WINDOW)
    refuse(1)
    told = refused()
    assert [entry.action for entry in told[-2:]] == ["refusals.counted", "order.place"]
    assert told[-2].after["count"] == 5


def test_few_refusals_need_no_sum():
    refuse(3)
    assert refusals.summarize(later()) == 0


def test_many_sums_share_the_last_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(refusals, "MOST_SUMMARIES", 2)
    for number in range(5):
        refuse(11 + number, f"198.51.100.{number}")
    assert refusals.summarize(later()) == 3
    counts = [told.after["count"] for told in refused()[-3:]]
    assert counts == [5, 4, 1 + 2 + 3]


def test_a_window_still_running_is_left_alone():
    refuse(20)
    assert refusals.summarize(timezone.now()) == 0
    assert RefusalCount.objects.count() == 2


def test_a_view_that_refuses_much_is_cut_short(account: TradingAccount):
    with refusals.keeping() as kept:
        refuse(1000)
    assert len(kept) == refusals.MOST_KEPT


def test_what_is_written_of_a_flood_stays_small():
    refuse(300)
    refusals.summarize(later())
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(pg_column_size(e)) FROM accounts_auditentry AS e")
        assert cursor.fetchone()[0] < 11 * 1024


def test_log_ins_that_work_are_told_as_done(client: Client, alice: User):
    make_account()
    client.post("/login/", {"username": "alice", "password": PASSWORD})
    told = AuditEntry.objects.get()
    assert (told.action, told.outcome, told.actor) == ("log_in.begun", "done", "alice")
    client.post("/logout/")
    assert AuditEntry.objects.latest("id").action == "log_in.ended"
