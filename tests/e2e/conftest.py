"""A real web process on the test database, and a browser in front of it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page

from accounts.models import User
from marketdata.models import Instrument
from tests.database import url_of_test_database
from tests.e2e.browser import (
    CHROMIUM,
    PATIENCE_MS,
    chromium,
    remember_complaints,
)
from tests.e2e.live_accounts import Book
from tests.marketdata.builders import make_exchange, make_hours, make_instrument
from tradingsite.embedded.ports import free_port

STARTS_WITHIN_S = 30
STOPS_WITHIN_S = 10


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"there is no Chromium at {CHROMIUM}")
    with pytest.MonkeyPatch.context() as patch, chromium() as browser:
        # The driver keeps an event loop in this thread for as long as it lives.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield browser


def wait_until_it_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline:
        assert process.poll() is None, "the web process ended"
        try:
            httpx.get(url, timeout=2)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"{url} did not answer within {STARTS_WITHIN_S} s")


@pytest.fixture(scope="package")
def site(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of uvicorn, serving what the tests write."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = os.environ | {
        "DATABASE_URL": url_of_test_database(),
        "DJANGO_SETTINGS_MODULE": "tests.e2e.settings",
        "TRADINGSITE_PROCESS": "web",
        "SITE_URL": url,
    }
    log = tmp_path_factory.mktemp("site") / "uvicorn.log"
    command = [sys.executable, "-m", "uvicorn", "tradingsite.asgi:application"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--port", str(port)],
            env=environment,
            cwd=Path(__file__).parents[2],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until_it_answers(f"{url}/health/live", process)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOPS_WITHIN_S)


@pytest.fixture
def nifty(browser: Browser, transactional_db: None) -> Instrument:
    """The index of a market that never closes, seen by other processes too."""
    make_hours(make_exchange("DEMO"), opens="00:00", closes="00:00", weekdays=range(7))
    User.objects.create_user("asha", password="asha-example")
    return make_instrument("NIFTY", "DEMO", kind="index", name="Nifty 50 demo")


@pytest.fixture
def book(nifty: Instrument) -> Book:
    """An account of Asha's with positions of each kind, a share and cash."""
    return Book(nifty)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the console of the page complained about; nothing, at the end."""
    return []


@pytest.fixture
def page(
    context: BrowserContext, site: str, nifty: Instrument, complaints: list[str]
) -> Iterator[Page]:
    """A page of Asha, who has logged in already."""
    client = Client()
    client.force_login(User.objects.get(username="asha"))
    session = client.cookies[settings.SESSION_COOKIE_NAME]
    context.add_cookies([{"name": session.key, "value": session.value, "url": site}])
    page = context.new_page()
    remember_complaints(page, complaints)
    yield page
    assert complaints == []
