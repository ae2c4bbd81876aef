"""When contracts end: weekly or monthly, what the chart calls it, how far away.

An expiry has a nominal day (a Tuesday, say) and a real one: when the nominal day is
no business day, the business day before it. What an expiry *is* follows from its
nominal day: a last Tuesday that was moved to Monday is still the month's expiry,
although another Monday of that month follows it.

Labels count from the day that is asked about, separately: ``NWeek+0`` is the nearest
weekly expiry, ``NMonth+0`` the nearest monthly one. A monthly expiry is no week.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
# No row of holidays has ever moved an expiry further.
FARTHEST_MOVE = 5
_LABEL = re.compile(
    r"N?(?P<unit>w|m)(eek|onth)?(?:\+(?P<rank>\d{1,3}))?", re.IGNORECASE
)


class Cycle(StrEnum):
    """How often contracts of a kind end; a quarterly expiry is a monthly one too."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"


@dataclass(frozen=True, slots=True)
class Rule:
    """On which weekday (0 is Monday) contracts end, within the dates it held.

    The dates are those of the nominal expiry days. A monthly rule takes the last
    such weekday of a month, a weekly rule each of the others.
    """

    cycle: Cycle
    weekday: int
    valid_from: date
    valid_to: date | None = None

    def holds_on(self, day: date) -> bool:
        return self.valid_from <= day and (
            self.valid_to is None or day <= self.valid_to
        )


@dataclass(frozen=True, slots=True)
class Expiry:
    """One day on which contracts end."""

    expires_on: date
    nominal_on: date
    cycle: Cycle

    @property
    def is_monthly(self) -> bool:
        return self.cycle is not Cycle.WEEKLY

    @property
    def is_quarterly(self) -> bool:
        return self.cycle is Cycle.QUARTERLY

    @property
    def was_moved(self) -> bool:
        return self.expires_on != self.nominal_on


@dataclass(frozen=True, slots=True)
class Labeled:
    """An expiry as seen from a day: its label, its rank, the calendar days left."""

    expiry: Expiry
    label: str
    rank: int
    days_to_expiry: int


def cycle_of(nominal_on: date) -> Cycle:
    """Tell a nominal day's cycle: the last of its weekday in a month is monthly."""
    if (nominal_on + WEEK).month == nominal_on.month:
        return Cycle.WEEKLY
    return Cycle.QUARTERLY if nominal_on.month % 3 == 0 else Cycle.MONTHLY


def moved(nominal_on: date, is_business_day: Callable[[date], bool]) -> date:
    """Return the real day: the nominal one, or the business day before it."""
    day = nominal_on
    for _ in range(FARTHEST_MOVE + 1):
        if is_business_day(day):
            return day
        day -= DAY
    raise ValueError(f"no business day within {FARTHEST_MOVE} days before {nominal_on}")


def classified(expires_on: date, rules: Sequence[Rule] = ()) -> Expiry:
    """Tell what the expiry of ``expires_on`` is by the rule it comes closest to.

    Without a rule that fits, the day is taken for its own nominal day.
    """
    nominal_days = [
        nominal
        for rule in rules
        if (nominal := _next(expires_on, rule.weekday)) - expires_on
        <= timedelta(days=FARTHEST_MOVE)
        and rule.holds_on(nominal)
        and (rule.cycle is Cycle.WEEKLY or cycle_of(nominal) is not Cycle.WEEKLY)
    ]
    nominal_on = min(nominal_days, default=expires_on)
    return Expiry(expires_on, nominal_on, cycle_of(nominal_on))


def scheduled(
    rules: Iterable[Rule],
    start: date,
    end: date,
    is_business_day: Callable[[date], bool],
) -> list[Expiry]:
    """Return the expiries that the rules ask for from ``start`` through ``end``."""
    nominal_days = {
        nominal for rule in rules for nominal in _nominal_days(rule, start, end + WEEK)
    }
    expiries = [
        Expiry(moved(nominal, is_business_day), nominal, cycle_of(nominal))
        for nominal in sorted(nominal_days)
    ]
    return [expiry for expiry in expiries if start <= expiry.expires_on <= end]


def labeled(expiries: Iterable[Expiry], as_of: date) -> list[Labeled]:
    """Label what has not ended on ``as_of``, nearest first; that day itself counts."""
    counted = {True: 0, False: 0}
    found = []
    for expiry in sorted(expiries, key=lambda expiry: expiry.expires_on):
        if expiry.expires_on < as_of:
            continue
        rank = counted[expiry.is_monthly]
        counted[expiry.is_monthly] += 1
        unit = "NMonth" if expiry.is_monthly else "NWeek"
        days = (expiry.expires_on - as_of).days
        found.append(Labeled(expiry, f"{unit}+{rank}", rank, days))
    return found


def called(label: str, among: Iterable[Labeled]) -> Labeled | None:
    """Return the expiry with this label: ``NWeek+0``, or in short ``Nw``, ``Nm+1``."""
    match = _LABEL.fullmatch(label)
    if match is None:
        return None
    is_monthly = match["unit"].lower() == "m"
    rank = int(match["rank"] or 0)
    for one in among:
        if one.expiry.is_monthly == is_monthly and one.rank == rank:
            return one
    return None


def _next(day: date, weekday: int) -> date:
    """Return the first such weekday that is not before ``day``."""
    return day + timedelta(days=(weekday - day.weekday()) % 7)


def _nominal_days(rule: Rule, start: date, end: date) -> Iterator[date]:
    day = _next(max(start, rule.valid_from), rule.weekday)
    while day <= end and rule.holds_on(day):
        if rule.cycle is Cycle.WEEKLY or cycle_of(day) is not Cycle.WEEKLY:
            yield day
        day += WEEK
