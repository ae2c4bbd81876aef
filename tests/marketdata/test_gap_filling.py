import datetime

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from marketdata.gaps import filling
from marketdata.gaps.filling import attempt, claim, fill_next, plan_of, settle
from marketdata.models import DirtyBucket, Instrument, SessionGap
from marketdata.ticker import TickerRefused, TickerUnavailable
from tests.marketdata.gap_builders import (
    MINUTE,
    NOON,
    Remembering,
    bars_of,
    gap_of,
    look,
    store,
)

AWAY = TickerUnavailable("/history: HTTP 503")
REFUSED = TickerRefused("/history: HTTP 400")


@pytest.fixture(autouse=True)
def one_day(settings: Settings):
    settings.GAP_MAP_DAYS = 1


@pytest.fixture
def stock(acme: Instrument) -> Instrument:
    Instrument.objects.update(broker_token=256)
    acme.refresh_from_db()
    return acme


def make_due() -> None:
    SessionGap.objects.update(next_attempt_at=timezone.now() - MINUTE)


def holed(stock: Instrument, *missing: int) -> SessionGap:
    """Store a session that is over but for some minutes, and look at it."""
    store(stock, set(range(375)) - set(missing))
    look()
    make_due()
    return gap_of(stock)


def test_missing_minutes_come_from_history(stock: Instrument):
    holed(stock, 100, 101)
    source = Remembering()

    assert fill_next(source)

    assert bars_of(stock)[100] == bars_of(stock)[101] == ("history", 7)
    gap = gap_of(stock)
    assert (gap.status, gap.reason, gap.missing, gap.stored) == ("whole", "", [], 375)
    assert gap.missing_since is None
    assert source.asked == [(256, 100, 102)]


def test_what_was_filled_is_to_be_rolled_up_again(stock: Instrument):
    DirtyBucket.objects.all().delete()
    holed(stock, 100)
    DirtyBucket.objects.all().delete()

    fill_next(Remembering())

    assert DirtyBucket.objects.filter(instrument=stock).count() == 2


def test_bars_of_ticks_stay_but_for_the_one_after_a_hole(stock: Instrument):
    holed(stock, 100)

    fill_next(Remembering())

    bars = bars_of(stock)
    # Its volume was counted from before the hole; every other is our own.
    assert bars[101] == ("history", 7)
    assert set(bars.values()) == {("history", 7), ("ticks", 100)}
    assert sum(source == "history" for source, _ in bars.values()) == 2


def test_a_file_after_a_hole_stays(stock: Instrument):
    store(stock, [*range(100), *range(102, 375)])
    store(stock, [101], source="import")
    look()
    make_due()

    fill_next(Remembering())

    assert bars_of(stock)[101] == ("import", 100)


def test_a_minute_that_history_does_not_have_is_quiet(stock: Instrument):
    holed(stock, 100, 101)

    fill_next(Remembering(without=[101]))

    gap = gap_of(stock)
    assert (gap.status, gap.reason) == ("quiet", "no_trades")
    assert (gap.missing, gap.quiet) == ([], [101])
    assert gap.next_attempt_at > timezone.now() + datetime.timedelta(minutes=10)


def test_the_bar_after_a_quiet_minute_stays(stock: Instrument):
    holed(stock, 100)

    fill_next(Remembering(without=[100]))

    assert bars_of(stock)[101] == ("ticks", 100)


def test_a_quiet_minute_is_asked_for_again_and_filled_late(stock: Instrument):
    holed(stock, 100)
    fill_next(Remembering(without=[100]))
    make_due()

    assert fill_next(Remembering())

    assert gap_of(stock).status == "whole"
    assert bars_of(stock)[100] == ("history", 7)


def test_quiet_minutes_are_asked_for_ever_more_seldom_but_always(stock: Instrument):
    holed(stock, 100)
    waits = []
    for _ in range(12):
        make_due()
        assert fill_next(Remembering(without=[100]))
        waits.append(gap_of(stock).next_attempt_at - timezone.now())

    assert waits[0] < waits[1] < waits[2]
    assert max(waits) <= datetime.timedelta(days=7)


def test_a_service_that_is_away_is_tried_later_and_without_end(stock: Instrument):
    holed(stock, 100)
    for _ in range(20):
        make_due()
        with pytest.raises(TickerUnavailable):
            fill_next(Remembering(error=AWAY))

    gap = gap_of(stock)
    assert (gap.status, gap.reason, gap.attempts) == ("open", "ticker_away", 20)
    assert gap.next_attempt_at < timezone.now() + datetime.timedelta(minutes=7)
    assert "503" in gap.last_error
    make_due()
    assert fill_next(Remembering())
    assert gap_of(stock).status == "whole"


def test_a_refusal_does_not_stop_the_others_nor_itself_for_ever(stock: Instrument):
    holed(stock, 100)

    assert fill_next(Remembering(error=REFUSED))

    gap = gap_of(stock)
    assert (gap.status, gap.reason) == ("open", "refused")
    assert gap.next_attempt_at > timezone.now()


def test_an_instrument_without_a_number_says_so(acme: Instrument):
    holed(acme, 100)

    assert fill_next(Remembering())

    assert "broker's number" in gap_of(acme).last_error


def test_nothing_due_asks_nobody(stock: Instrument):
    source = Remembering()

    assert not fill_next(source)
    assert source.asked == []


def test_minutes_that_came_meanwhile_are_not_asked_for(stock: Instrument):
    holed(stock, 100)
    store(stock, [100])
    source = Remembering()

    fill_next(source)

    assert source.asked == []
    assert gap_of(stock).status == "whole"
    assert bars_of(stock)[100] == ("ticks", 100)


def test_what_a_survey_adds_during_an_attempt_stays_missing(stock: Instrument):
    store(stock, range(160))
    look(NOON)
    make_due()
    gap = claim()
    assert gap is not None
    plan = plan_of(gap)
    look(NOON + 5 * MINUTE)

    settle(gap, stock, plan, Remembering().history(256, *span(gap, 160, 162)))

    after = gap_of(stock)
    assert (after.status, after.missing) == ("open", [163, 164, 165, 166, 167])
    assert after.stored == 163


def span(gap: SessionGap, first: int, last: int) -> tuple[float, float]:
    return gap.at(first).timestamp(), gap.at(last).timestamp()


def test_the_first_bar_of_ticks_after_a_filled_end_is_restated(stock: Instrument):
    store(stock, range(160))
    look(NOON)
    make_due()
    fill_next(Remembering())
    assert gap_of(stock).restate_after == 162

    # Ticks are back, and count from before the hole.
    store(stock, [163, 164])
    look(NOON + 2 * MINUTE)
    make_due()
    fill_next(Remembering())

    assert bars_of(stock)[163] == ("history", 7)
    assert bars_of(stock)[164] == ("ticks", 100)
    assert gap_of(stock).restate_after is None


def test_a_claimed_session_is_nobody_elses_until_its_lease_is_over(stock: Instrument):
    holed(stock, 100)

    first, second = claim(), claim()

    assert first is not None
    assert second is None


def test_who_was_away_past_the_lease_writes_nothing(stock: Instrument):
    holed(stock, 100)
    late = claim()
    assert late is not None
    plan = plan_of(late)
    make_due()
    assert fill_next(Remembering(without=[100]))

    settle(late, stock, plan, Remembering().history(256, *span(late, 100, 101)))

    assert 100 not in bars_of(stock)
    assert gap_of(stock).status == "quiet"


def test_without_the_attempt_number_the_late_one_would_write(stock: Instrument):
    """The control of the test above: the same, with the number put back."""
    holed(stock, 100)
    late = claim()
    assert late is not None
    plan = plan_of(late)
    make_due()
    fill_next(Remembering(without=[100]))
    SessionGap.objects.update(attempts=late.attempts)

    settle(late, stock, plan, Remembering().history(256, *span(late, 100, 101)))

    assert 100 in bars_of(stock)


def test_the_most_wanted_is_first(stock: Instrument):
    gap = holed(stock, 100)
    other = SessionGap.objects.create(
        instrument=stock,
        day=gap.day - datetime.timedelta(days=3),
        opens_at=gap.opens_at - datetime.timedelta(days=3),
        closes_at=gap.closes_at - datetime.timedelta(days=3),
        surveyed_until=gap.closes_at - datetime.timedelta(days=3),
        status="open",
        missing=[1],
        priority=SessionGap.Priority.ASKED,
    )

    assert claim() == other


def test_an_attempt_again_changes_nothing(stock: Instrument):
    gap = holed(stock, 100)
    fill_next(Remembering())
    before = bars_of(stock)

    gap.refresh_from_db()
    attempt(gap, Remembering())

    assert bars_of(stock) == before
    assert filling.plan_of(gap).asked == []
