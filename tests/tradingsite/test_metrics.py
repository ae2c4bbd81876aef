"""Metrics: who may see them, what they hold, what they survive."""

from collections.abc import Iterator

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError
from django.test import Client
from pytest_django.fixtures import Settings

from tradingsite import metrics
from tradingsite.metrics import Metrics, Reading
from tradingsite.models import OutboxMessage, Process

TOKEN = "a-long-token-for-a-scraper"


def failing() -> Iterator[Reading]:
    raise OperationalError("away")


def answering() -> Iterator[Reading]:
    yield Reading("test_reading", 3, "A test.", (("of", "a"),))
    yield Reading("test_reading", 4, "A test.", (("of", "b"),))


@pytest.mark.django_db
def test_strangers_are_refused_even_from_near(client: Client):
    answer = client.get("/metrics")
    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.django_db
def test_a_wrong_token_is_refused(client: Client, settings: Settings):
    settings.METRICS_TOKEN = TOKEN
    headers = {"Authorization": "Bearer something-else"}
    assert client.get("/metrics", headers=headers).status_code == 401


@pytest.mark.django_db
def test_no_token_is_not_an_empty_token(client: Client, settings: Settings):
    settings.METRICS_TOKEN = ""
    headers = {"Authorization": "Bearer "}
    assert client.get("/metrics", headers=headers).status_code == 401


@pytest.mark.django_db
def test_people_who_are_not_staff_are_refused(client: Client):
    client.force_login(get_user_model().objects.create_user("alice"))
    assert client.get("/metrics").status_code == 401


@pytest.mark.django_db
def test_staff_see_requests_outbox_processes_and_breakers(client: Client):
    OutboxMessage.objects.create(topic="t", payload={})
    Process.objects.create(name="beat", kind="beat", status="failed", restarts=5)
    client.force_login(get_user_model().objects.create_user("bob", is_staff=True))
    client.get("/health/live")
    text = client.get("/metrics").content.decode()
    assert "tradingsite_outbox_pending 1.0" in text
    assert 'tradingsite_process_up{kind="beat",name="beat"} 0.0' in text
    assert 'tradingsite_process_restarts{kind="beat",name="beat"} 5.0' in text
    assert "tradingsite_redis_skipped 0.0" in text
    assert 'tradingsite_request_seconds_count{method="GET",route="health/live"' in text


@pytest.mark.django_db
def test_a_scraper_comes_with_its_token(client: Client, settings: Settings):
    settings.METRICS_TOKEN = TOKEN
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert client.get("/metrics", headers=headers).status_code == 200


def test_a_source_that_fails_does_not_hide_the_others(settings: Settings):
    settings.METRICS_SOURCES = [f"{__name__}.failing", f"{__name__}.answering"]
    measured = Metrics()
    (family,) = measured.collect()
    assert [sample.value for sample in family.samples] == [3, 4]
    assert measured.failed_sources.labels(f"{__name__}.failing")._value.get() == 1


def test_the_metrics_of_a_process_are_kept():
    assert metrics.current() is metrics.current()
