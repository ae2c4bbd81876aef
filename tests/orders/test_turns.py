"""How often an account's book is read."""

import random

from orders.turns import BUSY_S, IDLE_S, LIVELY_S, LONGEST_WAIT_S, OPEN_S, Rhythm


def after(rhythm: Rhythm, now: float = 1000.0, **found: bool) -> float:
    facts = {"is_busy": False, "has_moved": False, "is_open": False}
    return rhythm.after_success(now, **(facts | found))


def test_a_working_order_is_looked_at_every_second():
    assert after(Rhythm(), is_busy=True) == BUSY_S
    assert after(Rhythm(), is_busy=True, is_open=True) == BUSY_S


def test_an_account_without_one_is_looked_at_while_its_market_is_open():
    assert after(Rhythm(), is_open=True) == OPEN_S
    assert after(Rhythm()) == IDLE_S


def test_what_has_moved_is_looked_at_closely_for_a_while():
    rhythm = Rhythm()
    assert after(rhythm, 1000, has_moved=True) == BUSY_S
    assert after(rhythm, 1000 + LIVELY_S - 1) == BUSY_S
    assert after(rhythm, 1000 + LIVELY_S) == IDLE_S


def test_failures_wait_longer_and_longer_and_a_success_ends_it():
    rhythm = Rhythm()
    most = [1, 2, 4, 8, 16, 32, 60, 60]
    waits = [rhythm.after_failure(for_good=False) for _ in most]
    for wait_s, longest in zip(waits, most, strict=True):
        assert longest / 2 <= wait_s <= longest
    after(rhythm)
    assert rhythm.after_failure(for_good=False) <= 1


def test_what_needs_somebody_waits_the_longest_at_once():
    assert Rhythm().after_failure(for_good=True) == LONGEST_WAIT_S


def test_a_very_long_outage_is_no_overflow():
    rhythm = Rhythm(failures=5000)
    assert rhythm.after_failure(for_good=False) <= LONGEST_WAIT_S


def test_two_accounts_do_not_come_back_on_one_beat():
    random.seed(7)
    waits = {Rhythm(failures=9).after_failure(for_good=False) for _ in range(50)}
    assert len(waits) > 40
