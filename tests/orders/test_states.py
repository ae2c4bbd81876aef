"""What brokers' words mean, and which report is of before which."""

from datetime import datetime
from itertools import product

import pytest

from orders.states import SETTLED, WORKING, State, Status, is_older, status_of
from tests.accounts.portfolios import TEN, later


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("OPEN", Status.OPEN),
        ("COMPLETE", Status.FILLED),
        ("CANCELLED", Status.CANCELED),
        ("CANCELLED AMO", Status.CANCELED),
        ("REJECTED", Status.REJECTED),
        ("TRIGGER PENDING", Status.WAITING),
        ("trigger  pending", Status.WAITING),
        ("PUT ORDER REQ RECEIVED", Status.PENDING),
        ("VALIDATION PENDING", Status.PENDING),
        ("OPEN PENDING", Status.PENDING),
        ("AMO REQ RECEIVED", Status.PENDING),
        ("MODIFY VALIDATION PENDING", Status.OPEN),
        ("MODIFY PENDING", Status.OPEN),
        ("CANCEL PENDING", Status.OPEN),
        ("FROZEN SOLID", Status.UNKNOWN),
    ],
)
def test_each_word_of_the_broker_has_one_meaning(word: str, status: Status):
    assert status_of(word) is status


def test_an_order_works_or_is_settled_or_is_ours_to_conclude():
    assert not WORKING & SETTLED
    assert set(Status) - WORKING - SETTLED == {Status.EXPIRED, Status.UNKNOWN}


def state(status: Status, filled: int = 0, at: datetime | None = TEN) -> State:
    return State(status, filled, at)


@pytest.mark.parametrize("pair", list(product(Status, repeat=2)))
def test_the_clock_of_the_exchange_decides(pair: tuple[Status, Status]):
    told, standing = pair
    assert not is_older(state(told, 0, later(1)), state(standing, 9, TEN))
    assert is_older(state(told, 9, TEN), state(standing, 0, later(1)))


@pytest.mark.parametrize("at", [TEN, None])
def test_within_a_second_and_without_a_clock_what_cannot_follow_is_old(
    at: datetime | None,
):
    settled = state(Status.FILLED, 100, at)
    assert is_older(state(Status.OPEN, 100, at), settled)
    assert is_older(state(Status.CANCELED, 100, at), settled)
    assert is_older(state(Status.OPEN, 40, at), state(Status.OPEN, 60, at))
    assert not is_older(state(Status.OPEN, 60, at), state(Status.OPEN, 40, at))
    assert not is_older(settled, settled)


def test_a_fill_may_overtake_a_cancellation_and_not_the_other_way():
    canceled, filled = state(Status.CANCELED, 40), state(Status.FILLED, 100)
    assert not is_older(filled, canceled)
    assert is_older(canceled, filled)


def test_what_we_concluded_is_no_obstacle_to_the_brokers_word():
    for concluded in (Status.UNKNOWN, Status.EXPIRED):
        assert not is_older(state(Status.OPEN, 0), state(concluded, 0))


@pytest.mark.parametrize("at", [TEN, None])
@pytest.mark.parametrize("status", [Status.OPEN, Status.WAITING])
def test_what_the_exchange_has_is_not_on_its_way_there_any_more(
    status: Status, at: datetime | None
):
    assert is_older(state(Status.PENDING, 0, at), state(status))
    assert not is_older(state(status), state(Status.PENDING, 0, at))
    assert not is_older(state(Status.PENDING, 0, later(1)), state(status))
