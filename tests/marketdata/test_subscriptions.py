"""Subscriptions against the real simulator, which counts who asked how often."""

import datetime
from collections.abc import Iterator

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from marketdata.models import (
    Instrument,
    SessionGap,
    SubscriptionSession,
    TickerSubscription,
    Want,
)
from marketdata.subscriptions import hints, holding, sessions
from marketdata.subscriptions.reconciling import reconcile
from marketdata.subscriptions.sessions import Wish
from marketdata.ticker import Ticker, TickerRefused, TickerUnavailable
from tests.marketdata.builders import make_exchange, make_hours, make_instrument
from tests.marketdata.ticker_process import BANKNIFTY, NIFTY, Simulator, simulating

PAGE = Wish(owner="page")
PROGRAM = Wish(owner="program", mode="LTP")


@pytest.fixture(scope="module")
def running(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Simulator]:
    with simulating(tmp_path_factory.mktemp("ticker")) as simulator:
        yield simulator


@pytest.fixture
def simulator(running: Simulator) -> Iterator[Simulator]:
    yield running
    running.heal()
    for token, count in running.counts().items():
        for _ in range(count):
            running.ticker.unsubscribe(token)


@pytest.fixture
def ticker(simulator: Simulator) -> Iterator[Ticker]:
    """A client of its own, so that no breaker remembers another test."""
    client = Ticker([simulator.url])
    yield client
    client.close()


@pytest.fixture
def nifty(db: None) -> Instrument:
    make_hours(make_exchange("DEMO"), opens="00:00", closes="00:00", weekdays=range(7))
    return make_instrument("NIFTY", "DEMO", kind="index", broker_token=NIFTY)


@pytest.fixture
def banknifty(nifty: Instrument) -> Instrument:
    return make_instrument("BANKNIFTY", "DEMO", kind="index", broker_token=BANKNIFTY)


def test_two_sessions_are_one_subscription_and_the_last_gives_it_back(
    nifty: Instrument, simulator: Simulator, ticker: Ticker
):
    first = sessions.begin(PAGE, [nifty], ticker)
    second = sessions.begin(PAGE, [nifty], ticker)
    assert simulator.counts() == {NIFTY: 1}

    assert sessions.end(first, ticker) == []
    assert simulator.counts() == {NIFTY: 1}

    assert sessions.end(second, ticker) == [nifty]
    assert simulator.counts() == {}
    assert not TickerSubscription.objects.exists()


def test_others_keep_their_own(nifty: Instrument, simulator: Simulator, ticker: Ticker):
    simulator.ticker.subscribe(NIFTY, "FULL", "somebody-else")

    session = sessions.begin(PAGE, [nifty], ticker)
    assert simulator.counts() == {NIFTY: 2}
    sessions.end(session, ticker)

    assert simulator.counts() == {NIFTY: 1}


def test_a_session_that_cannot_have_all_has_none(
    nifty: Instrument, simulator: Simulator, ticker: Ticker
):
    unknown = make_instrument("GONE", "DEMO", broker_token=999_999_999)

    with pytest.raises(TickerRefused):
        sessions.begin(PAGE, [nifty, unknown], ticker)

    assert simulator.counts() == {}
    assert not SubscriptionSession.objects.exists()
    assert not Want.objects.exists()
    assert not TickerSubscription.objects.exists()


def test_a_failure_half_way_is_rolled_back_when_the_service_is_back(
    nifty: Instrument, banknifty: Instrument, simulator: Simulator, ticker: Ticker
):
    sessions.begin(PAGE, [nifty], ticker)
    simulator.fault(status=503, path="/subscriptions")

    with pytest.raises(TickerUnavailable):
        sessions.begin(PAGE, [nifty, banknifty], ticker)
    simulator.heal()
    reconcile(ticker)

    assert simulator.counts() == {NIFTY: 1}
    assert SubscriptionSession.objects.count() == 1
    assert [row.token for row in TickerSubscription.objects.all()] == [NIFTY]


def test_what_nobody_renewed_is_given_back(
    nifty: Instrument, simulator: Simulator, ticker: Ticker
):
    session = sessions.begin(PAGE, [nifty], ticker)
    SubscriptionSession.objects.update(expires_at=timezone.now())

    reconcile(ticker)

    assert simulator.counts() == {}
    assert not SubscriptionSession.objects.filter(pk=session.pk).exists()


def test_what_was_renewed_stays(
    nifty: Instrument, simulator: Simulator, ticker: Ticker
):
    session = sessions.begin(PAGE, [nifty], ticker)
    SubscriptionSession.objects.update(expires_at=timezone.now())
    lease = datetime.timedelta(minutes=5)
    sessions.renew(session, lease=lease, mode="FULL", frame="")

    reconcile(ticker)

    assert simulator.counts() == {NIFTY: 1}


def test_a_service_that_forgot_is_asked_anew(
    nifty: Instrument, simulator: Simulator, ticker: Ticker
):
    sessions.begin(PAGE, [nifty], ticker)
    simulator.ticker.unsubscribe(NIFTY)
    assert simulator.counts() == {}

    reconcile(ticker)

    assert simulator.counts() == {NIFTY: 1}
    assert reconcile(ticker) == 0


def test_the_fullest_mode_that_anybody_wants_is_asked_for(
    nifty: Instrument, simulator: Simulator, ticker: Ticker
):
    sessions.begin(PROGRAM, [nifty], ticker)
    assert simulator.ticker.subscriptions()[NIFTY].requested_mode == "LTP"

    page = sessions.begin(PAGE, [nifty], ticker)
    assert simulator.ticker.subscriptions()[NIFTY].requested_mode == "FULL"
    sessions.end(page, ticker)
    reconcile(ticker)

    assert simulator.ticker.subscriptions()[NIFTY].requested_mode == "LTP"
    assert simulator.counts() == {NIFTY: 1}


def test_a_call_whose_process_died_is_found_in_the_list(
    nifty: Instrument, simulator: Simulator, ticker: Ticker
):
    sessions.begin(PAGE, [nifty], ticker)
    long_ago = timezone.now() - holding.BUSY
    TickerSubscription.objects.update(state="asking", busy_until=long_ago)

    reconcile(ticker)

    assert simulator.counts() == {NIFTY: 1}
    assert TickerSubscription.objects.get().state == "held"


def test_a_call_under_way_is_left_to_its_process(
    nifty: Instrument, simulator: Simulator, ticker: Ticker
):
    session = SubscriptionSession.objects.create(
        owner="page", expires_at=timezone.now() + sessions.LEASE
    )
    Want.objects.create(session=session, instrument=nifty)
    TickerSubscription.objects.create(
        instrument=nifty,
        token=NIFTY,
        state="asking",
        mode="FULL",
        account_id="primary",
        busy_until=timezone.now() + holding.BUSY,
    )

    reconcile(ticker)
    sessions.hold_all([nifty], ticker)

    assert simulator.counts() == {}


def test_what_is_newly_asked_for_is_due_before_all_else(
    nifty: Instrument, ticker: Ticker
):
    sessions.begin(PAGE, [nifty], ticker)

    gap = SessionGap.objects.due().first()
    assert gap is not None
    assert gap.instrument_id == nifty.pk
    assert gap.priority == SessionGap.Priority.ASKED


def test_a_notice_of_the_ticker_asks_for_history_at_once(nifty: Instrument):
    heard = hints.hear(
        b'{"event_type": "subscription_created", "instrument_token": 256265,'
        b' "metadata": {"tradingsymbol": "NIFTY"}, "timestamp": 1}'
    )

    assert heard
    assert SessionGap.objects.due().exists()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"event_type": "subscription_removed", "instrument_token": 256265}',
        b'{"event_type": "subscription_created", "instrument_token": 1}',
        b'{"event_type": "subscription_created", "instrument_token": "x"}',
    ],
)
def test_a_notice_of_anything_else_is_passed_by(nifty: Instrument, body: bytes):
    assert not hints.hear(body)
    assert not SessionGap.objects.exists()


def test_reconciling_what_is_right_costs_seven_queries_at_most(
    nifty: Instrument,
    banknifty: Instrument,
    ticker: Ticker,
    django_assert_max_num_queries: DjangoAssertNumQueries,
):
    sessions.begin(PAGE, [nifty, banknifty], ticker)

    with django_assert_max_num_queries(7):
        reconcile(ticker)
