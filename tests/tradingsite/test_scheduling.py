from datetime import UTC, datetime, timedelta

import pytest
from celery.schedules import crontab, schedule
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from tradingsite.beat import DueTimeScheduler
from tradingsite.celery import app
from tradingsite.scheduling import EveryFromEpoch, due_time

HALF_PAST_NINE = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_two_beats_that_started_apart_name_the_same_due_time():
    every = schedule(timedelta(seconds=10))
    now = HALF_PAST_NINE + 3 * SECOND

    early = due_time(every, now - 12 * SECOND, now)
    late = due_time(every, now - 8 * SECOND, now + 5 * SECOND)

    assert early == late == HALF_PAST_NINE


def test_a_crontab_is_due_at_its_minute_however_late_beat_looks():
    plan = crontab(minute="*/5", app=app)
    last_run_at = HALF_PAST_NINE - timedelta(minutes=5)

    due_at = due_time(plan, last_run_at, HALF_PAST_NINE + 42 * SECOND)

    assert due_at == HALF_PAST_NINE


def test_many_missed_runs_are_made_good_by_the_latest_one():
    plan = crontab(minute="30", hour="*", app=app)
    last_run_at = HALF_PAST_NINE - timedelta(days=40)

    due_at = due_time(plan, last_run_at, HALF_PAST_NINE + 600 * SECOND)

    assert due_at == HALF_PAST_NINE


def test_a_monthly_run_missed_long_ago_keeps_its_due_time():
    plan = crontab(minute="0", hour="4", day_of_month="1", app=app)

    due_at = due_time(plan, datetime(2025, 12, 20, tzinfo=UTC), HALF_PAST_NINE)

    assert due_at == datetime(2026, 1, 1, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("second", "is_due", "wait_s"), [(12, False, 8), (21, True, 9)]
)
def test_an_interval_is_due_on_the_grid_of_the_epoch(
    second: int, is_due: bool, wait_s: int
):
    now = HALF_PAST_NINE + second * SECOND
    every = EveryFromEpoch(10 * SECOND, app=app, nowfun=lambda: now)

    state = every.is_due(HALF_PAST_NINE + 11 * SECOND)

    assert (state.is_due, state.next) == (is_due, wait_s)


@pytest.fixture
def beat_schedule():
    before = app.conf.beat_schedule
    app.conf.beat_schedule = {
        "probe": {"task": "tradingsite.tasks.probe", "schedule": 15.0}
    }
    yield
    app.conf.beat_schedule = before


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("beat_schedule")
def test_the_schedule_of_the_settings_is_written_once_then_the_database_rules():
    DueTimeScheduler(app=app)
    hourly = IntervalSchedule.objects.create(every=1, period="hours")
    PeriodicTask.objects.filter(name="probe").update(interval=hourly, enabled=False)

    DueTimeScheduler(app=app)

    task = PeriodicTask.objects.get(name="probe")
    assert (task.interval, task.enabled) == (hourly, False)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("beat_schedule")
def test_a_beat_that_read_before_another_wrote_has_the_whole_schedule():
    late = DueTimeScheduler(app=app, lazy=True)
    assert late.schedule == {}
    DueTimeScheduler(app=app)

    late.update_from_dict(app.conf.beat_schedule)

    assert "probe" in late.schedule
