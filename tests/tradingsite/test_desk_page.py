"""The desk overview: what runs, what moves, and what it says when nothing does."""

from datetime import datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from marketdata import overview
from marketdata.models import BarGap, Instrument, QuarantinedTick, ShardPosition
from tests.marketdata.builders import (
    ist,
    make_bar,
    make_exchange,
    make_hours,
    make_instrument,
    save_bars,
)
from tradingsite.models import Process
from tradingsite.pages import spark

NOON = "2026-01-06T12:00:00"


@pytest.fixture
def browser(client: Client, db: None) -> Client:
    client.force_login(User.objects.create_user("alice", password="secret"))
    return client


@pytest.fixture
def nifty(db: None) -> Instrument:
    make_hours(make_exchange("NSE"))
    return make_instrument("NIFTY", kind="index")


def ticked(at: datetime) -> None:
    ShardPosition.objects.create(
        stream="ticks:0", epoch="a", clock_at=at, last_tick_at=at
    )


def page(browser: Client, name: str = "desk") -> str:
    response = browser.get(reverse(name))
    assert response.status_code == 200
    return response.content.decode()


def market_at(browser: Client, at: datetime) -> str:
    with time_machine.travel(at, tick=False):
        return page(browser, "desk-market")


def test_a_stranger_is_sent_to_the_log_in(client: Client, db: None):
    response = client.get(reverse("desk"))
    assert response["Location"] == "/login/?next=/"


@pytest.mark.parametrize("name", ["desk-market", "desk-system"])
def test_a_part_whose_session_ended_sends_the_whole_page_away(
    client: Client, db: None, name: str
):
    response = client.get(reverse(name), HTTP_HX_REQUEST="true")
    assert response["HX-Redirect"] == "/login/?next=/"
    assert b"<form" not in response.content


def test_an_empty_house_says_what_to_start(browser: Client):
    html = page(browser)
    assert "There is nothing to watch yet" in html
    assert "No process has reported yet" in html
    assert "No ticks yet" in html


def test_the_page_is_never_kept(browser: Client):
    assert "no-store" in browser.get(reverse("desk"))["Cache-Control"]


def test_the_pages_run_no_inline_script_or_style(browser: Client, nifty: Instrument):
    html = page(browser)
    assert "<style" not in html
    assert " style=" not in html
    assert html.count("<script") == html.count("<script src=") + html.count(
        '<script type="module" src='
    )


def test_a_day_is_told_against_yesterdays_close(browser: Client, nifty: Instrument):
    save_bars(
        [
            make_bar(nifty, ist("2026-01-05T15:29"), 24000),
            make_bar(nifty, ist("2026-01-06T09:15"), 24100, open=24050),
            make_bar(nifty, ist("2026-01-06T11:59"), 24240, high=24300, low=24020),
        ]
    )
    (watch,) = overview.watched()
    assert watch.day.price == 24240
    assert watch.day.previous_close == 24000
    assert (watch.day.high, watch.day.low) == (24300, 24020)
    assert watch.day.change == 240
    assert watch.day.change_percent == 1
    assert watch.day.direction == "up"
    assert list(watch.day.closes) == [24000, 24100, 24240]

    html = market_at(browser, ist(NOON))
    for written in ("24,240.00", "+240.00", "+1.00 %", "24,300.00", "24,020.00", "▲"):
        assert written in html
    assert reverse("chart", args=["NSE:NIFTY"]) in html


def test_a_first_day_is_told_against_its_open(nifty: Instrument):
    save_bars([make_bar(nifty, ist("2026-01-06T09:15"), 24050, open=24100)])
    (watch,) = overview.watched()
    assert watch.day.change == -50
    assert watch.day.direction == "down"


def test_volume_is_that_of_the_day(nifty: Instrument):
    stock = make_instrument("ACME")
    save_bars(
        [
            make_bar(stock, ist("2026-01-05T15:29"), 100, volume=999),
            make_bar(stock, ist("2026-01-06T09:15"), 100, volume=10),
            make_bar(stock, ist("2026-01-06T09:16"), 100, volume=20),
        ]
    )
    watch = overview.watched()[-1]
    assert watch.day.volume == 30


def test_the_table_is_grouped_and_leaves_options_out(
    browser: Client, nifty: Instrument
):
    make_instrument("ACME")
    make_instrument("NIFTYFUT", kind="future", expires_on="2026-01-29")
    make_instrument(
        "NIFTY24000CE",
        kind="option",
        expires_on="2026-01-29",
        strike=24000,
        option_type="CE",
    )
    html = page(browser, "desk-market")
    places = [html.index(word) for word in ("Indices", "Futures", "Stocks")]
    assert places == sorted(places)
    assert "NIFTY24000CE" not in html


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(3, "Live"), (60, "Stale since 12:00:00"), (18000, "Market closed")],
)
def test_the_badge_tells_whether_the_market_is_heard(
    browser: Client, nifty: Instrument, seconds: int, said: str
):
    ticked(ist(NOON))
    assert said in market_at(browser, ist(NOON) + timedelta(seconds=seconds))


def test_lag_gaps_and_refused_ticks_are_counted(browser: Client, nifty: Instrument):
    ticked(ist(NOON))
    ShardPosition.objects.create(
        stream="ticks:1", epoch="a", clock_at=ist(NOON) - timedelta(seconds=30)
    )
    BarGap.objects.create(
        stream="ticks:0", from_at=ist(NOON), to_at=ist(NOON), reason="trimmed"
    )
    for hours in (1, 2, 30):
        QuarantinedTick.objects.create(
            stream="ticks:0",
            entry_id="1-0",
            reason="price",
            payload_bytes=1,
            received_at=ist(NOON) - timedelta(hours=hours),
        )
    feed = overview.feed(ist(NOON) + timedelta(seconds=2), {"NSE"})
    assert (feed.lag_s, feed.open_gaps, feed.quarantined) == (32, 1, 2)


@pytest.mark.parametrize("count", [1, 12])
def test_the_number_of_queries_does_not_grow_with_the_rows(
    browser: Client,
    nifty: Instrument,
    count: int,
    django_assert_num_queries: DjangoAssertNumQueries,
):
    for number in range(count):
        stock = make_instrument(f"STOCK{number}")
        save_bars([make_bar(stock, ist("2026-01-06T09:15"), 100)])
        Process.objects.create(name=f"worker{number}", kind="worker", status="running")
    # Session, user; instruments, days; positions, hours, holidays, exchanges, gaps,
    # quarantine; and for the page the processes.
    with django_assert_num_queries(12):
        page(browser, "desk-market")
    with django_assert_num_queries(13):
        page(browser, "desk")


def test_processes_are_shown_with_their_trouble(browser: Client):
    Process.objects.create(name="web", kind="web", status="running")
    Process.objects.create(
        name="ingestor", kind="ingestor", status="backing_off", restarts=3
    )
    html = page(browser, "desk-system")
    for words in ("web", "Running", "ingestor", "Backing off", "restarted 3"):
        assert words in html


def test_the_system_part_shows_every_part_of_our_health(
    browser: Client, settings: Settings
):
    settings.HEALTH_PARTS = ["tradingsite.health.redis"]
    html = page(browser, "desk-system")
    assert "Health" in html
    assert "Redis" in html


def test_a_small_line_runs_from_left_to_right_and_up():
    assert spark([1, 2, 3]) == "0.0,26.0 60.0,14.0 120.0,2.0"


@pytest.mark.parametrize("closes", [[], [5]])
def test_one_point_makes_no_line(closes: list[float]):
    assert spark(closes) == ""


def test_a_price_that_stands_still_makes_a_level_line():
    assert spark([5, 5]) == "0.0,26.0 120.0,26.0"
