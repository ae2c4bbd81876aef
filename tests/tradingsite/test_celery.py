"""Rule 7: what a worker or broker that dies may not lose, and how soon it is back."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tradingsite import tasks
from tradingsite.celery import HEADER, app, broker_url, transport_options
from tradingsite.logs import correlation_id
from tradingsite.models import Process, ScheduledRun
from tradingsite.redis.clients import Address

SENTINELS = ("10.0.0.1:26379", "10.0.0.2:26379")


def test_a_task_of_a_dead_worker_is_back_within_two_minutes():
    options = app.conf.broker_transport_options

    assert app.conf.task_acks_late
    assert app.conf.task_reject_on_worker_lost
    assert options["visibility_timeout"] <= 120
    assert options["unacked_restore_interval"] <= 5
    assert options["unacked_restore_throttle"] == 1
    assert app.conf.task_time_limit <= options["visibility_timeout"] / 2


def test_nothing_waits_for_a_dead_broker_and_nothing_is_unpickled():
    options = app.conf.broker_transport_options

    assert options["socket_timeout"] <= 5
    assert options["socket_connect_timeout"] <= 5
    assert options["health_check_interval"]
    assert app.conf.accept_content == ["json"]
    assert app.conf.result_backend is None
    assert app.conf.task_ignore_result


def test_sentinels_are_named_with_the_time_limits_of_their_own():
    address = Address("redis://:secret@unused:6379/3", SENTINELS, "mymaster")

    assert broker_url(address) == (
        "sentinel://:secret@10.0.0.1:26379;sentinel://:secret@10.0.0.2:26379/3"
    )
    options = transport_options(address)
    assert options["master_name"] == "mymaster"
    assert options["sentinel_kwargs"]["socket_timeout"] <= 5


def test_the_request_id_goes_with_a_task(monkeypatch: pytest.MonkeyPatch):
    sent = []
    monkeypatch.setattr(app, "send_task", lambda *_, **given: sent.append(given))
    monkeypatch.setattr(
        "celery.app.task.Task.apply_async", lambda *_, **given: sent.append(given)
    )
    token = correlation_id.set("request-42")

    tasks.probe.delay()
    correlation_id.reset(token)

    assert sent[0]["headers"][HEADER] == "request-42"


@pytest.mark.django_db
def test_a_probe_leaves_the_time_at_which_it_finished(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TRADINGSITE_PROCESS_NAME", "worker")

    tasks.probe()

    assert "probe_finished_at" in Process.objects.get(name="worker").detail


@pytest.mark.django_db
def test_pruning_takes_its_due_time():
    ScheduledRun.objects.create(
        job="old", due_at=timezone.now() - timedelta(days=99), taken_at=timezone.now()
    )

    tasks.prune()

    assert list(ScheduledRun.objects.values_list("job", flat=True)) == [
        "tradingsite.tasks.prune"
    ]
