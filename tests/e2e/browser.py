"""A headless Chromium whose pages remember what their consoles complained about."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
# Room for a slow machine; a chart asks every second.
PATIENCE_MS = 15_000


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        yield browser
        browser.close()


def remember_complaints(page: Page, complaints: list[str]) -> None:
    """Add every error of the page's scripts and console to ``complaints``."""

    def remember(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(message.text)

    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", remember)


def without_sockets(page: Page) -> None:
    """Let no page of ``page`` reach the server by a socket."""
    page.add_init_script("window.WebSocket = class { addEventListener() {} };")


def log_in(
    page: Page, site: str, username: str, password: str, *, code: str = ""
) -> None:
    """Open the site as a person does: by the forms of the log-in pages."""
    page.goto(f"{site}/login/")
    page.fill("input[name=username]", username)
    page.fill("input[name=password]", password)
    page.click("button[type=submit]")
    if code:
        page.wait_for_url("**/login/code/")
        page.fill("input[name=code]", code)
        page.click("button[type=submit]")
    page.wait_for_url(lambda address: "/login" not in address)


def asked_by(page: Page, part: str) -> list[str]:
    """Return the list to which every request for ``part`` will be added."""
    asked: list[str] = []

    def note(request: Request) -> None:
        if part in request.url:
            asked.append(request.url)

    page.on("request", note)
    return asked


def until(condition: Callable[[], bool], page: Page) -> None:
    """Wait for what Playwright cannot wait for; the page goes on meanwhile."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        page.wait_for_timeout(50)
