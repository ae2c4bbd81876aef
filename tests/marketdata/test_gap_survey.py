import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from marketdata.gaps.survey import Surveyor, survey_asked
from marketdata.models import (
    BarGap,
    Instrument,
    MinuteBar,
    SessionGap,
    SubscriptionSession,
    Want,
)
from tests.marketdata.builders import (
    ist,
    make_bar,
    make_exchange,
    make_holiday,
    make_hours,
    make_instrument,
    save_bars,
)
from tests.marketdata.gap_builders import EVENING, NOON, gap_of, look, store


@pytest.fixture(autouse=True)
def one_day(settings: Settings):
    settings.GAP_MAP_DAYS = 1


@pytest.fixture
def nifty(db: None) -> Instrument:
    make_hours(make_exchange("NSE"))
    return make_instrument("NIFTY", kind="index", broker_token=256)


def test_a_session_without_a_bar_lacks_every_minute(nifty: Instrument):
    look()

    gap = gap_of(nifty)
    assert (gap.status, gap.reason) == ("open", "never_fetched")
    assert gap.missing == list(range(375))
    assert (gap.expected, gap.minutes, gap.stored) == (375, 375, 0)


def test_stored_minutes_are_not_missing(acme: Instrument):
    store(acme, [*range(100), *range(110, 375)])

    look()

    gap = gap_of(acme)
    assert gap.missing == list(range(100, 110))
    assert gap.stored == 365


def test_a_whole_session_lacks_nothing(acme: Instrument):
    store(acme, range(375))

    look()

    gap = gap_of(acme)
    assert (gap.status, gap.reason, gap.missing) == ("whole", "", [])


def test_a_stock_that_nobody_wants_and_that_has_no_bars_is_left_out(acme: Instrument):
    look()

    assert not SessionGap.objects.exists()


def test_a_stock_that_somebody_wants_is_looked_at(acme: Instrument):
    session = SubscriptionSession.objects.create(owner="test", expires_at=EVENING)
    Want.objects.create(session=session, instrument=acme, created_at=NOON)

    look()

    assert gap_of(acme).priority == SessionGap.Priority.ASKED


def test_a_running_session_lacks_only_what_is_over(nifty: Instrument):
    look(NOON)

    gap = gap_of(nifty)
    # The minute of 11:58 ended at 11:59; that of 11:59 is too young.
    assert gap.missing == list(range(163))
    assert not gap.is_over


def test_a_second_look_adds_only_the_new_minutes(nifty: Instrument):
    store(nifty, range(163))
    surveyor = Surveyor()
    surveyor.survey(NOON)
    store(nifty, [163, 164, 166])

    surveyor.survey(NOON + datetime.timedelta(minutes=4))

    gap = gap_of(nifty)
    assert gap.missing == [165]
    assert (gap.stored, gap.expected) == (166, 167)


def test_a_look_twice_changes_nothing(nifty: Instrument):
    look(NOON)
    before = list(SessionGap.objects.values())

    assert look(NOON) == 0
    assert list(SessionGap.objects.values()) == before


def test_a_holiday_lacks_nothing(nifty: Instrument):
    make_holiday(make_exchange("NSE"), "2026-11-23")

    look()

    assert not SessionGap.objects.exists()


def test_a_special_session_has_its_own_minutes(nifty: Instrument):
    make_holiday(make_exchange("NSE"), "2026-11-23", opens="18:00", closes="19:00")

    look(ist("2026-11-23 21:00"))

    gap = SessionGap.objects.get()
    assert gap.opens_at == ist("2026-11-23 18:00")
    assert gap.missing == list(range(60))


def test_hours_are_those_of_the_dated_day(settings: Settings, nifty: Instrument):
    settings.GAP_MAP_DAYS = 2
    exchange = make_exchange("NSE")
    make_hours(exchange, closes="15:30", valid_to="2026-11-23")
    for weekday in range(5):
        exchange.session_hours.create(
            weekday=weekday,
            valid_from="2026-11-24",
            opens_at="09:15",
            closes_at="15:45",
        )

    look(ist("2026-11-24 18:00"))

    assert [gap.minutes for gap in SessionGap.objects.order_by("day")] == [375, 390]


def test_minutes_lost_on_the_stream_say_so(acme: Instrument):
    Instrument.objects.update(broker_token=256)
    store(acme, [*range(100), *range(105, 375)])
    BarGap.objects.create(
        stream="ticks:0",
        shard=0,
        from_at=ist("2026-11-23 10:55:20"),
        to_at=ist("2026-11-23 10:59:40"),
        reason="wiped",
    )

    look()

    assert gap_of(acme).reason == "stream_gap"


def test_a_gap_of_another_shard_is_no_reason(acme: Instrument):
    Instrument.objects.update(broker_token=257)
    store(acme, [*range(100), *range(105, 375)])
    BarGap.objects.create(
        stream="ticks:0",
        shard=0,
        from_at=ist("2026-11-23 10:55:20"),
        to_at=ist("2026-11-23 10:59:40"),
        reason="wiped",
    )

    look()

    assert gap_of(acme).reason == "never_fetched"


def test_an_expired_contract_is_not_looked_at(acme: Instrument):
    future = make_instrument(
        "ACME26OCTFUT", kind="future", expires_on="2026-10-27", underlying=acme
    )
    store(future, range(10))

    look()

    assert not SessionGap.objects.exists()


def make_option(underlying: Instrument) -> Instrument:
    return make_instrument(
        "ACME26NOV100CE",
        kind="option",
        expires_on="2026-11-30",
        strike=100,
        option_type="CE",
        underlying=underlying,
    )


def test_scattered_minutes_of_an_option_wait_for_company(acme: Instrument):
    option = make_option(acme)
    store(option, [0, 5])
    early = ist("2026-11-23 09:45")

    look(early)

    gap = gap_of(option)
    assert gap.priority == SessionGap.Priority.SPARSE
    assert gap.next_attempt_at == early + datetime.timedelta(hours=1)


def test_an_hours_worth_of_an_option_is_company_enough(acme: Instrument):
    option = make_option(acme)
    store(option, range(100, 160))

    look(NOON)

    assert len(gap_of(option).missing) >= 100
    assert gap_of(option).next_attempt_at == NOON


def test_a_day_costs_one_statement_however_many_instruments(acme: Instrument):
    def statements() -> int:
        SessionGap.objects.all().delete()
        with CaptureQueriesContext(
            connection,
        ) as queries:
            look()
        return sum("INSERT INTO marketdata_sessiongap" in q["sql"] for q in queries)

    store(acme, range(375))
    assert statements() == 1

    for number in range(20):
        store(make_instrument(f"ACME{number}"), range(375))
    assert statements() == 1
    assert SessionGap.objects.count() == 21


def test_a_day_before_its_opening_is_looked_at_when_it_has_opened(nifty: Instrument):
    surveyor = Surveyor()
    surveyor.survey(ist("2026-11-23 09:00"))

    surveyor.survey(ist("2026-11-23 09:25"))

    assert gap_of(nifty).missing == list(range(8))


def test_a_past_day_is_not_looked_at_again(settings: Settings, acme: Instrument):
    settings.GAP_MAP_DAYS = 2
    make_holiday(make_exchange("NSE"), "2026-11-24")
    store(acme, range(375))
    surveyor = Surveyor()
    surveyor.survey(EVENING + datetime.timedelta(days=1))
    assert gap_of(acme).status == "whole"

    with CaptureQueriesContext(connection) as queries:
        surveyor.survey(EVENING + datetime.timedelta(days=1, minutes=1))

    surveys = "INSERT INTO marketdata_sessiongap"
    assert not any(surveys in query["sql"] for query in queries)


def test_bars_that_are_removed_are_missing_at_the_next_look(
    settings: Settings, acme: Instrument
):
    settings.GAP_MAP_DAYS = 2
    next_day = EVENING + datetime.timedelta(days=1)
    store(acme, range(375))
    surveyor = Surveyor()
    surveyor.survey(next_day)
    before = gap_of(acme)
    assert before.status == "whole"

    removed = MinuteBar.objects.between(
        ist("2026-11-23 10:00"), ist("2026-11-23 10:07")
    )
    removed.delete()
    surveyor.survey(next_day + datetime.timedelta(seconds=20))

    gap = gap_of(acme)
    assert (gap.status, gap.stored) == ("open", 368)
    assert gap.missing == list(range(45, 52))
    # Who was asking for the session meanwhile has nothing to settle any more.
    assert gap.attempts > before.attempts


def test_bars_removed_outside_of_sessions_are_nobodys(acme: Instrument):
    store(acme, range(375))
    save_bars([make_bar(acme, ist("2026-11-23 16:00"), 5.0)])
    look()

    MinuteBar.objects.filter(opened_at=ist("2026-11-23 16:00")).delete()

    assert gap_of(acme).surveyed_until == ist("2026-11-23 15:30")


def test_who_asks_when_the_market_is_closed_gets_the_last_session(acme: Instrument):
    survey_asked([acme], ist("2026-11-22 12:00"))

    assert [str(gap.day) for gap in SessionGap.objects.all()] == ["2026-11-20"]


def test_who_asks_early_in_the_session_gets_the_one_before_too(acme: Instrument):
    survey_asked([acme], ist("2026-11-23 09:30"))

    days = SessionGap.objects.order_by("day").values_list("day", flat=True)
    assert [str(day) for day in days] == ["2026-11-20", "2026-11-23"]
