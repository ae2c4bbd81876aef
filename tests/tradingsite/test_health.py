"""Health by part: each fault shows in its own part, and in no other, within 5 s."""

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import httpx
import pytest
from django.db.migrations.recorder import MigrationRecorder
from django.test import AsyncClient, Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.tradingsite.slow_site.process import Site, running_site
from tradingsite import health, readiness
from tradingsite.embedded import PostgresServer, ValkeyServer
from tradingsite.models import OutboxMessage, Process
from tradingsite.readiness import Checks, Part, Status

FLIP_S = 5


def sleepy() -> Part:
    time.sleep(2)
    return Part("sleepy")


@readiness.critical
def sleepy_and_critical() -> Part:
    return sleepy()


def broken() -> Part:
    raise LookupError("a mistake")


def well() -> Part:
    return Part("well")


def named(*checks: Callable[[], Part]) -> list[str]:
    return [f"{__name__}.{check.__name__}" for check in checks]


def test_live_asks_nobody(client: Client, settings: Settings):
    settings.ALLOWED_HOSTS = []
    answer = client.get("/health/live", headers={"Host": "10.0.0.7"})
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok"}


async def test_a_part_that_hangs_hides_only_itself(settings: Settings):
    settings.HEALTH_PARTS = named(well, sleepy)
    started_at = time.monotonic()
    good, hung = await Checks().all()
    assert time.monotonic() - started_at < 1.9
    assert good.status is Status.OK
    assert (hung.name, hung.status) == ("sleepy", Status.DOWN)
    assert readiness.overall([good, hung]) is Status.DEGRADED


async def test_a_critical_part_that_hangs_takes_us_out(settings: Settings):
    settings.HEALTH_PARTS = named(sleepy_and_critical)
    assert readiness.overall(await Checks().all()) is Status.DOWN


async def test_a_hung_part_is_not_started_again(settings: Settings):
    settings.HEALTH_PARTS = named(sleepy, well)
    checks = Checks()
    started_at = time.monotonic()
    for _ in range(2):
        answers = await asyncio.gather(*(checks.all() for _ in range(10)))
        assert all(parts[1].status is Status.OK for parts in answers)
    assert time.monotonic() - started_at < 3


async def test_a_broken_check_is_a_part_that_is_down(
    settings: Settings, caplog: pytest.LogCaptureFixture
):
    settings.HEALTH_PARTS = [*named(broken, well), "nowhere.to.be.found"]
    parts = await Checks().all()
    assert [part.status for part in parts] == [Status.DOWN, Status.OK, Status.DOWN]
    assert "a mistake" in caplog.text


async def test_degraded_is_200_and_down_is_503(
    settings: Settings, async_client: AsyncClient, monkeypatch: pytest.MonkeyPatch
):
    async def parts(self: Checks) -> list[Part]:
        return [Part("outbox", Status.DOWN), Part("database", critical=True)]

    monkeypatch.setattr(Checks, "all", parts)
    answer = await async_client.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"


@pytest.mark.django_db
def test_a_dead_letter_degrades_the_outbox():
    assert health.outbox().status is Status.OK
    OutboxMessage.objects.create(
        topic="t", payload={}, status="dead", finished_at=timezone.now()
    )
    assert health.outbox().status is Status.DEGRADED


@pytest.mark.django_db
def test_an_old_message_degrades_the_outbox():
    message = OutboxMessage.objects.create(topic="t", payload={})
    assert health.outbox().status is Status.OK
    OutboxMessage.objects.filter(pk=message.pk).update(
        created_at=timezone.now() - timedelta(minutes=2)
    )
    assert health.outbox().status is Status.DEGRADED


@pytest.mark.django_db
def test_a_process_that_always_falls_is_named():
    Process.objects.create(name="web", kind="web", status="running")
    assert health.processes().status is Status.OK
    Process.objects.create(name="beat", kind="beat", status="backing_off")
    assert health.processes().detail == "In trouble: beat (backing_off)."


@pytest.mark.django_db
def test_a_process_that_is_alive_but_silent_is_frozen():
    Process.objects.create(
        name="ingest",
        kind="ingestor",
        status="running",
        reported_at=timezone.now() - timedelta(hours=3),
        last_seen_at=timezone.now(),
    )
    assert health.processes().status is Status.DEGRADED


@pytest.mark.django_db
def test_a_process_that_was_started_by_hand_and_ended_is_forgotten():
    long_ago = timezone.now() - timedelta(hours=3)
    Process.objects.create(
        name="by-hand",
        kind="ingestor",
        status="running",
        reported_at=long_ago,
        last_seen_at=long_ago,
    )
    assert health.processes().status is Status.OK


@pytest.mark.django_db
def test_a_worker_is_well_when_it_finished_a_task_of_late():
    assert health.worker().detail == "None runs."
    worker = Process.objects.create(name="worker", kind="worker", status="running")
    assert health.worker().status is Status.DEGRADED

    now = timezone.now()
    worker.detail = {"probe_finished_at": now.isoformat()}
    worker.save()
    assert health.worker().status is Status.OK

    worker.detail = {"probe_finished_at": (now - timedelta(minutes=3)).isoformat()}
    worker.save()
    assert health.worker().status is Status.DEGRADED


@pytest.mark.django_db(databases=["default", "direct"])
def test_a_missing_migration_takes_us_out():
    assert health.migrations().status is Status.OK
    rows = MigrationRecorder.Migration.objects.using("direct")
    rows.filter(app="sessions").delete()
    assert health.migrations() == Part("migrations", Status.DOWN, "1 not applied.")


def wait_for(site: Site, is_so: Callable[[httpx.Response], bool]) -> float:
    """Return after how many seconds ``/health/ready`` says it; fail after five."""
    started_at = time.monotonic()
    while not is_so(answer := site.get("/health/ready")):
        assert time.monotonic() - started_at < FLIP_S, answer.text
        time.sleep(0.1)
    return time.monotonic() - started_at


def says(part: str, status: str) -> Callable[[httpx.Response], bool]:
    return lambda answer: answer.json()["parts"][part]["status"] == status


@pytest.fixture
def site_of_own_servers(
    own_postgres: PostgresServer, own_valkey: ValkeyServer
) -> Iterator[Site]:
    servers = {
        "DATABASE_URL": own_postgres.superuser_url,
        "REDIS_URL": own_valkey.url,
    }
    with running_site(**servers) as site:
        yield site


@pytest.mark.own_server
@pytest.mark.chaos
@pytest.mark.django_db(transaction=True)
def test_a_frozen_redis_shows_in_its_part_alone(own_valkey: ValkeyServer):
    with running_site(REDIS_URL=own_valkey.url) as site:
        wait_for(site, says("redis", "ok"))
        own_valkey.freeze()
        wait_for(site, says("redis", "down"))
        answer = site.get("/health/ready")
        own_valkey.thaw()
        wait_for(site, says("redis", "ok"))
    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    assert answer.json()["parts"]["database"]["status"] == "ok"


@pytest.mark.own_server
@pytest.mark.chaos
@pytest.mark.django_db(transaction=True)
def test_a_frozen_database_takes_us_out_and_back(
    own_postgres: PostgresServer, site_of_own_servers: Site
):
    site = site_of_own_servers
    wait_for(site, says("database", "ok"))
    assert says("migrations", "down")(site.get("/health/ready")), "nothing was migrated"
    own_postgres.freeze()
    wait_for(site, says("database", "down"))
    answer = site.get("/health/ready", timeout_s=2)
    live = site.get("/health/live", timeout_s=2)
    own_postgres.thaw()
    wait_for(site, says("database", "ok"))
    assert answer.status_code == 503
    assert answer.json()["parts"]["redis"]["status"] == "ok"
    assert live.status_code == 200


@pytest.mark.chaos
@pytest.mark.django_db(transaction=True)
def test_who_is_told_to_end_says_so_before_it_ends():
    with running_site(DRAIN_S="3") as site:
        assert site.get("/health/ready").json()["status"] != "draining"
        site.terminate()
        wait_for(site, lambda answer: answer.json()["status"] == "draining")
        answer = site.get("/health/ready")
        assert site.get("/slow/sleep?s=0").status_code == 200
        assert answer.status_code == 503
        assert site.process.wait(15) is not None


@pytest.mark.chaos
@pytest.mark.django_db(transaction=True)
def test_control_without_draining_it_is_gone_at_once():
    with running_site(DRAIN_S="0") as site:
        site.terminate()
        site.process.wait(10)
        with pytest.raises(httpx.ConnectError):
            site.get("/health/ready")
