"""A request that takes too long is answered 504, and only its SQL is cut."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from tests.tradingsite.slow_site.process import Site, running_site
from tradingsite import deadline
from tradingsite.models import Process

RUNNING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE query LIKE '%of the slow site%' AND pid <> pg_backend_pid()
      AND state = 'active'
"""


def took_s(site: Site, path: str) -> tuple[httpx.Response, float]:
    started_at = time.monotonic()
    response = site.get(path)
    return response, time.monotonic() - started_at


@pytest.mark.chaos
@pytest.mark.django_db(transaction=True)
def test_a_view_that_sleeps_is_answered_504_and_health_goes_on():
    with running_site(REQUEST_TIMEOUT_S="1") as site:
        answer, waited_s = took_s(site, "/slow/sleep?s=4")
        assert answer.status_code == 504
        assert 0.9 < waited_s < 3
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "deadline_exceeded"
        assert answer.json()["request_id"] == answer.headers["x-correlation-id"]

        answer, waited_s = took_s(site, "/slow/sleep-async?s=4")
        assert answer.status_code == 504
        assert waited_s < 3

        page = site.get("/slow/sleep?s=4", Accept="text/html")
        assert page.status_code == 504
        assert "This took too long" in page.text

        assert site.get("/health/live").status_code == 200
        assert site.get("/slow/sleep?s=0").text == "slept"


@pytest.mark.chaos
@pytest.mark.django_db(transaction=True)
def test_control_without_the_limit_the_caller_waits():
    with running_site(REQUEST_TIMEOUT_S="1", CONTROL="no limits") as site:
        answer, waited_s = took_s(site, "/slow/sleep?s=3")
    assert answer.status_code == 200
    assert waited_s > 2.5


@pytest.mark.chaos
@pytest.mark.django_db(transaction=True)
def test_a_late_write_says_outcome_unknown_and_its_sql_is_cut():
    with running_site(REQUEST_TIMEOUT_S="2") as site:
        answer = httpx.post(
            site.url + "/slow/write?s=30",
            headers={"Idempotency-Key": "pay-1"},
            timeout=30,
        )
        assert answer.status_code == 504
        assert answer.headers["idempotency-key"] == "pay-1"
        assert answer.json()["idempotency_key"] == "pay-1"
        assert "Outcome unknown" in answer.json()["detail"]
        wait_until_nothing_runs()
    assert not Process.objects.filter(name="half-written").exists()


def wait_until_nothing_runs() -> None:
    ends_at = time.monotonic() + 5
    while time.monotonic() < ends_at:
        with connection.cursor() as cursor:
            cursor.execute(RUNNING)
            if cursor.fetchone() == (0,):
                return
        time.sleep(0.05)
    raise AssertionError("The statement outlived its request.")


@pytest.mark.django_db
def test_a_statement_gets_what_is_left_of_the_budget():
    with deadline.budget(0.3), connection.cursor() as cursor:
        started_at = time.monotonic()
        with pytest.raises(OperationalError) as cut, transaction.atomic():
            cursor.execute("SELECT pg_sleep(5)")
    assert isinstance(cut.value.__cause__, psycopg.errors.QueryCanceled)
    assert time.monotonic() - started_at < 3


@pytest.mark.django_db(transaction=True)
def test_nothing_of_the_limit_stays_on_the_connection():
    with deadline.budget(0.5), connection.cursor() as cursor:
        cursor.execute("SELECT %s", ["100 %"])
        assert cursor.fetchone() == ("100 %",)
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)


@pytest.mark.django_db
def test_rows_and_counts_are_those_of_the_statement_itself():
    with deadline.budget(5):
        Process.objects.bulk_create(Process(name=f"p{n}") for n in range(3))
        assert Process.objects.filter(name__startswith="p").update(kind="x") == 3
        assert Process.objects.create(name="returned").pk
        assert list(
            Process.objects.values_list("kind").distinct().order_by("kind")
        ) == [
            ("",),
            ("x",),
        ]


@pytest.mark.django_db
def test_a_failed_savepoint_is_rolled_back_within_the_budget():
    with deadline.budget(5), transaction.atomic():
        Process.objects.create(name="twin")
        with pytest.raises(IntegrityError), transaction.atomic():
            Process.objects.create(name="twin")
        assert Process.objects.filter(name="twin").count() == 1


def run_out_of_time() -> None:
    with deadline.budget(0.1), transaction.atomic():
        Process.objects.create(name="undone")
        time.sleep(0.15)
        Process.objects.count()


@pytest.mark.django_db
def test_a_savepoint_is_rolled_back_when_the_time_is_over():
    with transaction.atomic():
        Process.objects.create(name="kept")
        with pytest.raises(deadline.DeadlineExceeded):
            run_out_of_time()
    assert list(Process.objects.values_list("name", flat=True)) == ["kept"]


@pytest.mark.django_db
def test_when_the_time_is_over_nothing_is_sent_any_more():
    with deadline.budget(0), pytest.raises(deadline.DeadlineExceeded):
        Process.objects.count()


def test_an_inner_budget_cannot_be_longer():
    with deadline.budget(1), deadline.budget(60):
        assert (deadline.remaining() or 0) <= 1
        assert deadline.limit(30) <= 1
    assert deadline.remaining() is None
    assert deadline.limit(30) == 30


@pytest.mark.chaos
@pytest.mark.django_db(transaction=True)
def test_beyond_the_bound_requests_are_refused_at_once():
    with running_site(REQUEST_CONCURRENCY="4") as site:
        with ThreadPoolExecutor(24) as threads:
            paths = ["/slow/sleep?s=3"] * 24
            answers = list(threads.map(lambda path: took_s(site, path), paths))
        live = site.get("/health/live").status_code
    refused = [
        (answer, waited) for answer, waited in answers if answer.status_code == 503
    ]
    assert len(refused) == 20
    assert max(waited for _, waited in refused) < 2.5
    assert all(answer.headers["retry-after"] for answer, _ in refused)
    assert live == 200
