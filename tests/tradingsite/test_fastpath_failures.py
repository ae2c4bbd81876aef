"""Whatever fails, the short way soon says what a site without it says."""

import contextlib
import threading
import time
from collections.abc import Iterator

import httpx
import psycopg
import pytest
from django.utils import timezone

from accounts.models import ApiKey, User
from marketdata.models import MinuteBar
from tests.database import url_of_test_database
from tests.marketdata.builders import (
    epoch,
    ist,
    make_exchange,
    make_hours,
    make_instrument,
    make_minutes,
)
from tests.tradingsite.relay import Relay, relayed
from tests.tradingsite.slow_site.process import Site, running_site
from tradingsite.embedded import ValkeyServer

pytestmark = [pytest.mark.chaos, pytest.mark.django_db(transaction=True)]

START, END = epoch("2025-11-20 09:15"), epoch("2025-11-21 15:30")
CLOSED = f"/udf/history?symbol=NSE:ACME&resolution=1&from={START}&to={END}"
LIVE = f"/udf/history?symbol=NSE:ACME&resolution=1&from={START}&to=4000000000"
PATHS = (CLOSED, LIVE)
# After so long, who was let in before is let in no more.
FELT_S = 1.0


@pytest.fixture
def key() -> str:
    make_hours(make_exchange("NSE"))
    make_minutes(make_instrument("ACME"), "2025-11-20 09:15", 375)
    user = User.objects.create_user("asha")
    return ApiKey.objects.issue(
        user_id=user.pk, name="robot", scopes=["read:market"], now=timezone.now()
    ).text


class Pair:
    """The same site with and without the short way."""

    def __init__(self, short: Site, long: Site, key: str) -> None:
        self.sites = (short, long)
        self._headers = {"Authorization": f"Bearer {key}"}

    def ask(self, site: Site, path: str) -> httpx.Response:
        return site.get(path, timeout_s=30, **self._headers)

    def warm(self) -> None:
        """Ask until the short way answers; it leaves out what is for documents."""
        ends_at = time.monotonic() + 20
        while time.monotonic() < ends_at:
            short, long = (
                [self.ask(site, path) for path in PATHS] for site in self.sites
            )
            are_well = {answer.status_code for answer in (*short, *long)} == {200}
            if are_well and not any("x-frame-options" in one.headers for one in short):
                return
        raise AssertionError("The short way never answered.")

    def agreed(self) -> set[int]:
        """Ask both alike, several times; return the statuses they agreed on."""
        statuses = set()
        for path in PATHS * 2:
            short, long = (self.ask(site, path) for site in self.sites)
            assert (short.status_code, said(short)) == (long.status_code, said(long))
            statuses.add(long.status_code)
        return statuses


def said(answer: httpx.Response) -> str:
    """Return what an answer says, but for the id of its request."""
    return answer.text.replace(answer.headers["x-correlation-id"], "ID")


@contextlib.contextmanager
def pair(key: str, **environment: str) -> Iterator[Pair]:
    with (
        running_site(**environment) as short,
        running_site(CONTROL="no short way", **environment) as long,
    ):
        both = Pair(short, long, key)
        both.warm()
        yield both


@pytest.fixture
def wire() -> Iterator[tuple[Relay, str]]:
    with relayed(url_of_test_database()) as found:
        yield found


def test_a_database_that_is_gone_is_told_and_found_again(
    key: str, wire: tuple[Relay, str]
):
    relay, url = wire
    with pair(key, DATABASE_URL=url) as both:
        relay.cut()
        time.sleep(FELT_S)
        gone = both.agreed()
        relay.mend()
        # Each finds it again in its own time, longer after each try that failed.
        both.warm()
        back = both.agreed()

    assert (gone, back) == ({503}, {200})


def test_a_pool_that_is_busy_is_told(key: str):
    with pair(key, DATABASE_POOL_MAX="2") as both:
        waiting = [
            threading.Thread(target=site.get, args=("/slow/query?s=12",))
            for site in both.sites
            for _ in range(2)
        ]
        for thread in waiting:
            thread.start()
        time.sleep(FELT_S)
        asked = [both.ask(site, CLOSED) for site in both.sites]
        for thread in waiting:
            thread.join(30)

    assert [answer.status_code for answer in asked] == [503, 503]
    assert said(asked[0]) == said(asked[1])


def test_bars_that_nobody_may_read_in_time_are_told(key: str):
    with (
        pair(key, REQUEST_TIMEOUT_S="2") as both,
        psycopg.connect(url_of_test_database()) as holder,
    ):
        holder.execute("LOCK TABLE minute_bars IN ACCESS EXCLUSIVE MODE")
        # The one that goes the long way is told; who looks like it hears it from then.
        until = time.monotonic() + FELT_S + 5
        while both.ask(both.sites[0], CLOSED).status_code == 200:
            assert time.monotonic() < until
        late = both.agreed()
        holder.rollback()
        time.sleep(0.5)
        back = both.agreed()

    assert (late, back) == ({504}, {200})


@pytest.mark.own_server
def test_with_redis_frozen_answers_are_right_and_changes_are_felt(
    key: str, own_valkey: ValkeyServer
):
    with pair(key, REDIS_URL=own_valkey.url) as both:
        own_valkey.freeze()
        frozen = both.agreed()
        MinuteBar.objects.filter(opened_at=ist("2025-11-20 09:16")).update(
            volume=987654
        )
        time.sleep(FELT_S)
        changed = [both.ask(both.sites[0], path).text for path in PATHS]
        agreed = both.agreed()
        own_valkey.thaw()

    assert (frozen, agreed) == ({200}, {200})
    assert all("987654" in text for text in changed)
