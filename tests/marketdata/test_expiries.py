import datetime

import pytest

from marketdata.expiries import (
    Cycle,
    Expiry,
    Rule,
    called,
    classified,
    labeled,
    moved,
    scheduled,
)

THURSDAY, TUESDAY = 3, 1
CHANGED_ON = datetime.date(2025, 9, 1)
NIFTY = [
    Rule(cycle, weekday, valid_from, valid_to)
    for cycle in (Cycle.WEEKLY, Cycle.MONTHLY)
    for weekday, valid_from, valid_to in (
        (THURSDAY, datetime.date(2019, 2, 11), datetime.date(2025, 8, 31)),
        (TUESDAY, CHANGED_ON, None),
    )
]
MONTHLY_ONLY = [rule for rule in NIFTY if rule.cycle is Cycle.MONTHLY]
HOLIDAYS = {
    datetime.date.fromisoformat(text)
    for text in [
        "2025-10-21", "2025-10-22", "2025-12-25", "2026-03-26", "2026-03-31",
        "2026-04-14", "2026-10-20", "2026-11-10", "2026-11-24",
    ]
}  # fmt: skip
# As the exchange listed them on 1 October 2026.
LISTED = ["2026-10-06", "2026-10-13", "2026-10-19", "2026-10-27", "2026-11-03",
          "2026-11-23"]  # fmt: skip


def day(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


def is_business_day(one: datetime.date) -> bool:
    return one.weekday() < 5 and one not in HOLIDAYS


def days(expiries: list[Expiry]) -> list[str]:
    return [f"{expiry.expires_on}" for expiry in expiries]


def test_the_weeks_of_autumn_2026_expire_as_the_exchange_listed_them():
    found = scheduled(NIFTY, day("2026-10-01"), day("2026-11-03"), is_business_day)

    assert days(found) == LISTED[:5]


@pytest.mark.parametrize(
    ("month", "expires_on"),
    [
        ("2025-08", "2025-08-28"),
        ("2025-09", "2025-09-30"),
        ("2025-12", "2025-12-30"),
        ("2026-01", "2026-01-27"),
        ("2026-02", "2026-02-24"),
        ("2026-03", "2026-03-30"),
        ("2026-09", "2026-09-29"),
        ("2026-10", "2026-10-27"),
        ("2026-11", "2026-11-23"),
    ],
)
def test_a_month_expires_on_its_last_weekday_or_the_day_before(
    month: str, expires_on: str
):
    first = day(f"{month}-01")
    last = (first + datetime.timedelta(days=31)).replace(day=1)
    found = scheduled(
        MONTHLY_ONLY, first, last - datetime.timedelta(days=1), is_business_day
    )

    assert days(found) == [expires_on]


def test_the_change_from_thursday_to_tuesday_leaves_no_week_out():
    found = scheduled(NIFTY, day("2025-08-18"), day("2025-09-12"), is_business_day)

    assert days(found) == ["2025-08-21", "2025-08-28", "2025-09-02", "2025-09-09"]


def test_two_holidays_in_a_row_move_an_expiry_by_two_days():
    assert moved(day("2025-10-22"), is_business_day) == day("2025-10-20")


def test_an_expiry_that_cannot_be_moved_is_refused():
    with pytest.raises(ValueError, match="no business day"):
        moved(day("2026-10-20"), lambda _: False)


@pytest.mark.parametrize(
    ("expires_on", "cycle"),
    [
        ("2026-10-19", Cycle.WEEKLY),
        ("2026-10-27", Cycle.MONTHLY),
        ("2026-11-23", Cycle.MONTHLY),
        ("2026-11-17", Cycle.WEEKLY),
        ("2026-03-30", Cycle.QUARTERLY),
        ("2026-12-29", Cycle.QUARTERLY),
        ("2025-08-28", Cycle.MONTHLY),
        ("2025-08-21", Cycle.WEEKLY),
        ("2025-12-23", Cycle.WEEKLY),
        ("2026-02-03", Cycle.WEEKLY),
    ],
)
def test_an_expiry_is_what_its_nominal_day_is(expires_on: str, cycle: Cycle):
    assert classified(day(expires_on), NIFTY).cycle is cycle


def test_a_moved_expiry_remembers_its_nominal_day():
    expiry = classified(day("2026-11-23"), NIFTY)

    assert expiry.was_moved
    assert expiry.nominal_on == day("2026-11-24")


def test_without_a_rule_the_day_speaks_for_itself():
    assert classified(day("2026-11-27")).cycle is Cycle.MONTHLY
    assert not classified(day("2026-11-20")).is_monthly


def test_labels_count_weeks_and_months_apart_from_zero():
    expiries = [classified(day(text), NIFTY) for text in LISTED]

    found = labeled(reversed(expiries), day("2026-10-01"))

    assert [(f"{one.expiry.expires_on}", one.label, one.rank) for one in found] == [
        ("2026-10-06", "NWeek+0", 0),
        ("2026-10-13", "NWeek+1", 1),
        ("2026-10-19", "NWeek+2", 2),
        ("2026-10-27", "NMonth+0", 0),
        ("2026-11-03", "NWeek+3", 3),
        ("2026-11-23", "NMonth+1", 1),
    ]
    assert [one.days_to_expiry for one in found] == [5, 12, 18, 26, 33, 53]


def test_the_day_of_expiry_itself_still_counts():
    expiries = [classified(day(text), NIFTY) for text in LISTED]

    assert labeled(expiries, day("2026-10-06"))[0].days_to_expiry == 0
    assert labeled(expiries, day("2026-10-07"))[0].expiry.expires_on == day(LISTED[1])


def test_in_the_last_week_of_a_month_the_next_week_is_the_nearest():
    expiries = [classified(day(text), NIFTY) for text in LISTED]

    found = labeled(expiries, day("2026-10-26"))

    assert [one.label for one in found] == ["NMonth+0", "NWeek+0", "NMonth+1"]


@pytest.mark.parametrize(
    ("label", "expires_on"),
    [
        ("NWeek+0", "2026-10-06"),
        ("nweek+2", "2026-10-19"),
        ("Nw", "2026-10-06"),
        ("Nw+1", "2026-10-13"),
        ("Nm", "2026-10-27"),
        ("NMonth+1", "2026-11-23"),
    ],
)
def test_a_label_finds_its_expiry(label: str, expires_on: str):
    found = labeled([classified(day(text), NIFTY) for text in LISTED], day(LISTED[0]))

    one = called(label, found)

    assert one is not None
    assert one.expiry.expires_on == day(expires_on)


@pytest.mark.parametrize("label", ["", "NYear+0", "NWeek+9", "NWeek-1", "Week+0 "])
def test_a_label_that_means_nothing_finds_nothing(label: str):
    found = labeled([classified(day(text), NIFTY) for text in LISTED], day(LISTED[0]))

    assert called(label, found) is None
