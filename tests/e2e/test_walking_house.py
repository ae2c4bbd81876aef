"""The whole product, started by one command: it serves, it heals, a market moves."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.accounts.builders import code_of
from tests.e2e.browser import log_in, remember_complaints
from tests.servers import throw_away_folder
from tests.up import Up, refused
from tradingsite.embedded.footprints import PROC
from tradingsite.supervisor import leftovers

pytestmark = [
    pytest.mark.own_server,
    pytest.mark.chaos,
    pytest.mark.timeout(240),
    # One house serves all of them, so one worker runs all of them.
    pytest.mark.xdist_group("house"),
]

# The simulator makes several ticks a second; a minute closes within a minute.
MOVES_WITHIN_MS = 20_000
CLOSES_WITHIN_MS = 75_000
CLOSE = "[data-legend] [data-field=close]"


@pytest.fixture(scope="module")
def house() -> Iterator[Up]:
    """Give a site in an empty folder to tests that leave it running."""
    with throw_away_folder() as folder, closing(Up(Path(folder) / "data")) as house:
        house.wait_ready()
        yield house
        assert house.end() == 0, house.output
        assert house.processes() == []


def test_it_serves_and_says_who_may_come_in(house: Up):
    access = house.data / "demo.json"

    assert house.status_of("/health/live") == 200
    assert house.status_of("/health/ready") == 200
    assert json.loads(access.read_text())["api_key"] in house.output
    assert access.stat().st_mode & 0o777 == 0o600
    assert house.data.stat().st_mode & 0o777 == 0o700


def test_a_second_one_says_who_has_the_folder_and_ends(house: Up):
    with refused(Up(house.data)) as said:
        assert f"is in use by process {house.process.pid}" in said


def test_a_process_that_is_killed_starts_again(house: Up):
    killed = house.pid_of("outbox")

    os.kill(killed, signal.SIGKILL)

    house.wait_until_said("outbox ended with -9")
    house.wait_until(lambda: house.output.count("outbox is ready") >= 2)
    assert house.pid_of("outbox") != killed


def test_a_killed_database_comes_back_at_the_same_address(house: Up):
    record = json.loads((house.data / "postgres" / "process.json").read_text())

    os.kill(record["pid"], signal.SIGKILL)

    house.wait_until_said("PostgreSQL had died and starts again")
    house.wait_until(lambda: house.status_of("/health/ready") == 200)


def test_serving_processes_never_learn_the_owners_password(house: Up):
    environ = (PROC / str(house.pid_of("web")) / "environ").read_bytes()

    assert b"DATABASE_URL=postgresql://tradingsite:" in environ
    assert b"DATABASE_OWNER_URL" not in environ


def test_killed_it_starts_again_and_nothing_of_the_killed_run_is_left(house: Up):
    killed = leftovers.find(house.data)
    assert len(killed) > 5
    house.process.kill()
    house.process.wait(10)

    house.start()
    house.wait_ready()

    assert [one for one in killed if one.is_alive()] == []
    assert house.status_of("/health/ready") == 200


def test_a_taken_port_is_one_sentence_before_anything_starts(
    house: Up, server_folder: Path
):
    data = server_folder / "data"

    with refused(Up(data, port=house.port)) as said:
        assert f"Port {house.port} of 127.0.0.1 is taken" in said

    assert not (data / "postgres").exists()


@pytest.mark.browser
def test_a_newcomer_types_one_command_and_sees_a_market_move(
    browser: Browser, house: Up, tmp_path: Path
):
    told = json.loads((house.data / "demo.json").read_text())
    complaints: list[str] = []
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    remember_complaints(page, complaints)
    log_in(
        page,
        told["url"],
        told["username"],
        told["password"],
        code=code_of(told["totp_secret"]),
    )
    page.screenshot(path=tmp_path / "desk.png")

    page.goto(f"{told['url']}/chart/DEMO:NIFTY")
    expect(page.locator(CLOSE)).not_to_be_empty(timeout=MOVES_WITHIN_MS)
    sees_the_price_move(page)
    sees_a_new_bar(page)

    page.screenshot(path=tmp_path / "chart.png")
    page.close()
    assert complaints == []


def sees_the_price_move(page: Page) -> None:
    before = page.locator(CLOSE).inner_text()
    expect(page.locator(CLOSE)).not_to_have_text(before, timeout=MOVES_WITHIN_MS)
    expect(page.locator("[data-status]")).to_have_text("Live")


def sees_a_new_bar(page: Page) -> None:
    chart = page.locator("[data-chart-page]")
    before = chart.get_attribute("data-bars")
    assert before is not None
    expect(chart).not_to_have_attribute("data-bars", before, timeout=CLOSES_WITHIN_MS)
