import datetime
import json

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from accounts.principals import Scope
from marketdata.gaps.filling import claim
from marketdata.models import Instrument, SessionGap
from tests.accounts.builders import make_key
from tests.marketdata.builders import make_instrument
from tests.marketdata.gap_builders import OPENING

LIST, SUMMARY, REPAIR = "/api/v1/gaps", "/api/v1/gaps/summary", "/api/v1/gaps/repair"
TOMORROW = datetime.timedelta(days=1)


def make_gap(instrument: Instrument, **fields: object) -> SessionGap:
    minutes = datetime.timedelta(minutes=375)
    defaults = {
        "day": OPENING.date(),
        "opens_at": OPENING,
        "closes_at": OPENING + minutes,
        "surveyed_until": OPENING + minutes,
        "stored": 370,
        "missing": [10, 11, 12, 100],
        "quiet": [200],
        "status": "open",
        "reason": "never_fetched",
        "missing_since": OPENING,
        "next_attempt_at": timezone.now() + TOMORROW,
    }
    return SessionGap.objects.create(instrument=instrument, **(defaults | fields))


@pytest.fixture
def gap(acme: Instrument) -> SessionGap:
    return make_gap(acme)


@pytest.fixture
def boss(client: Client, db: None) -> Client:
    """The browser of somebody of the staff."""
    client.force_login(User.objects.create_user("boss", is_staff=True))
    return client


def test_the_map_tells_what_is_missing_why_and_since_when(
    asha: Client, gap: SessionGap
):
    row = asha.get(LIST).json()["results"][0]

    assert row["symbol"] == "NSE:ACME"
    assert (row["status"], row["reason"]) == ("open", "never_fetched")
    assert (row["expected"], row["stored"], row["missing"]) == (375, 370, 4)
    assert [run["minutes"] for run in row["runs"]] == [3, 1, 1]
    assert row["runs"][0]["from_time"] == "2026-11-23T03:55:00Z"
    assert row["runs"][0]["to_time"] == "2026-11-23T03:58:00Z"
    assert row["missing_since"]
    assert row["next_attempt_at"]


def test_whole_sessions_are_not_on_the_list_unless_asked_for(
    asha: Client, acme: Instrument
):
    make_gap(acme, status="whole", missing=[], quiet=[], reason="")

    assert asha.get(LIST).json()["count"] == 0
    assert asha.get(LIST, {"status": "whole"}).json()["count"] == 1


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"exchange": "nse"}, 1),
        ({"exchange": "BSE"}, 0),
        ({"symbol": "acme"}, 1),
        ({"symbol": "NSE:ACME"}, 1),
        ({"symbol": "BSE:ACME"}, 0),
        ({"day": "2026-11-23"}, 1),
        ({"day": "2026-11-24"}, 0),
        ({"from_day": "2026-11-01", "to_day": "2026-11-23"}, 1),
        ({"from_day": "2026-11-24"}, 0),
        ({"status": "quiet"}, 0),
        ({"reason": "never_fetched"}, 1),
        ({"reason": "stream_gap"}, 0),
    ],
)
def test_the_map_is_narrowed(
    asha: Client, gap: SessionGap, query: dict[str, str], count: int
):
    assert asha.get(LIST, query).json()["count"] == count


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"day": "yesterday"}, "day"),
        ({"status": "broken"}, "status"),
        ({"reason": "because"}, "reason"),
        ({"exchange": "X" * 17}, "exchange"),
        ({"symbol": "X" * 97}, "symbol"),
        ({"symbol": "A\0B"}, "symbol"),
        ({"from_day": "2026-11-24", "to_day": "2026-11-23"}, "to_day"),
    ],
)
@pytest.mark.parametrize("address", [LIST, SUMMARY])
def test_bad_questions_name_the_field(
    asha: Client, address: str, query: dict[str, str], field: str
):
    answer = asha.get(address, query)

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_the_summary_tells_how_far_each_day_is(asha: Client, gap: SessionGap):
    make_gap(make_instrument("OTHER"), status="whole", missing=[], quiet=[], stored=375)

    (day,) = asha.get(SUMMARY).json()["days"]

    assert (day["day"], day["exchange"]) == ("2026-11-23", "NSE")
    assert (day["sessions"], day["open"], day["quiet"]) == (2, 1, 0)
    assert (day["expected"], day["stored"], day["missing"]) == (750, 745, 4)
    assert day["percent"] == pytest.approx(99.4667, abs=1e-3)


def test_staff_may_have_it_asked_for_now(boss: Client, gap: SessionGap):
    answer = post(boss, REPAIR, {"symbol": "ACME"})

    assert answer.json() == {"status": "ok", "sessions": 1}
    assert claim() == gap


def test_a_whole_map_stands_behind_what_was_asked_for_by_name(
    boss: Client, gap: SessionGap
):
    SessionGap.objects.update(priority=SessionGap.Priority.SPARSE)

    post(boss, REPAIR, {})
    gap.refresh_from_db()
    assert gap.priority == SessionGap.Priority.STEADY

    SessionGap.objects.update(
        next_attempt_at=timezone.now() + datetime.timedelta(hours=1)
    )
    post(boss, REPAIR, {"symbol": "ACME"})
    gap.refresh_from_db()
    assert gap.priority == SessionGap.Priority.ASKED


def test_what_is_being_asked_for_is_left_to_who_asks(boss: Client, gap: SessionGap):
    SessionGap.objects.update(next_attempt_at=timezone.now())
    assert claim() == gap

    assert post(boss, REPAIR, {}).json()["sessions"] == 0
    assert claim() is None


def test_others_may_not(asha: Client, gap: SessionGap):
    assert post(asha, REPAIR, {}).status_code == 403


@pytest.mark.parametrize("address", [LIST, SUMMARY])
def test_a_key_needs_the_scope(client: Client, gap: SessionGap, address: str):
    user = User.objects.create_user("kim")
    reader = make_key(user, scopes=[Scope.READ_MARKET])
    trader = make_key(user, scopes=[Scope.TRADE])

    assert client.get(address).status_code == 401
    assert client.get(address, headers=bearer(trader.text)).status_code == 403
    assert client.get(address, headers=bearer(reader.text)).status_code == 200


def test_a_key_of_staff_for_reading_repairs_nothing(client: Client, gap: SessionGap):
    user = User.objects.create_user("kim", is_staff=True)
    key = make_key(user, scopes=[Scope.READ_MARKET])

    answer = client.post(REPAIR, headers=bearer(key.text))

    assert answer.status_code == 403


def test_a_long_list_takes_the_same_queries(
    asha: Client, gap: SessionGap, django_assert_num_queries: DjangoAssertNumQueries
):
    with django_assert_num_queries(6):
        asha.get(LIST)
    for number in range(20):
        make_gap(make_instrument(f"ACME{number}"))
    with django_assert_num_queries(6):
        assert asha.get(LIST).json()["count"] == 21


def test_the_page_shows_the_map(asha: Client, gap: SessionGap):
    page = asha.get(reverse("gap-map")).content.decode()

    assert "ACME" in page
    assert "Never fetched" in page
    assert 'class="gap-strip__missing" x="10" width="3"' in " ".join(page.split())
    assert "Repair now" not in page


def test_the_page_without_anything_says_what_to_do(asha: Client):
    page = asha.get(reverse("gap-map")).content.decode()

    assert "No session was looked at yet" in page


def test_the_page_names_a_wrong_choice_and_shows_everything(
    asha: Client, gap: SessionGap
):
    answer = asha.get(reverse("gap-map"), {"day": "someday"})

    assert answer.status_code == 400
    assert "Day: Date has wrong format" in " ".join(answer.content.decode().split())
    assert "ACME" in answer.content.decode()


def test_staff_repair_from_the_page(boss: Client, gap: SessionGap):
    assert "Repair now" in boss.get(reverse("gap-map")).content.decode()

    answer = boss.post(reverse("gap-repair"), {"exchange": "NSE"})

    assert answer["Location"] == "/gaps/?exchange=NSE"
    assert claim() == gap
    assert boss.post(reverse("gap-repair"), {})["Location"] == "/gaps/"


def test_others_do_not_repair_from_the_page(asha: Client, gap: SessionGap):
    assert asha.post(reverse("gap-repair")).status_code == 403
    assert asha.get(reverse("gap-repair")).status_code == 405


def test_the_page_of_many_takes_the_same_queries(
    asha: Client, gap: SessionGap, django_assert_num_queries: DjangoAssertNumQueries
):
    for number in range(60):
        make_gap(make_instrument(f"ACME{number}"))

    with django_assert_num_queries(8):
        asha.get(reverse("gap-map-part"))


def test_a_part_for_who_is_logged_out_leads_to_the_log_in(client: Client, db: None):
    assert "HX-Redirect" in client.get(reverse("gap-map-part")).headers


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def post(client: Client, address: str, body: dict[str, object]):
    return client.post(address, json.dumps(body), content_type="application/json")
