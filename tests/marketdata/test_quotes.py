"""Where a last price comes from when the nearer places do not know it."""

from collections.abc import Iterable

import pytest

from marketdata import quotes
from marketdata.models import Instrument
from marketdata.ticker import TickerUnavailable
from tests.marketdata.builders import ist, make_instrument, make_minutes
from tradingsite import redis as ground


class FakeTicker:
    """A ticker service that knows the price of everything, or does not answer."""

    def __init__(self, *, is_away: bool = False) -> None:
        self.asked: list[str] = []
        self._is_away = is_away

    def last_prices(self, symbols: Iterable[str]) -> dict[str, float]:
        self.asked += symbols
        if self._is_away:
            raise TickerUnavailable("/quote: HTTP 503")
        return dict.fromkeys(self.asked, 55.5)


@pytest.fixture
def acme(db: None) -> Instrument:
    ground.client().delete(quotes.keys().prices)
    return make_instrument("ACME")


def asked(monkeypatch: pytest.MonkeyPatch, source: FakeTicker) -> FakeTicker:
    monkeypatch.setattr(quotes, "ticker", lambda: source)
    return source


def test_the_newest_bar_answers_before_the_ticker_is_asked(
    acme: Instrument, monkeypatch: pytest.MonkeyPatch
):
    make_minutes(acme, "2026-11-20 10:00", 1)
    source = asked(monkeypatch, FakeTicker())

    found = quotes.last_quotes([acme.pk])

    assert found[acme.pk].at == ist("2026-11-20 10:00").timestamp()
    assert source.asked == []


def test_an_instrument_without_a_bar_is_asked_for(
    acme: Instrument, monkeypatch: pytest.MonkeyPatch
):
    source = asked(monkeypatch, FakeTicker())

    found = quotes.last_quotes([acme.pk])

    assert found[acme.pk].price == 55.5
    assert source.asked == ["NSE:ACME"]


def test_a_ticker_that_is_away_leaves_the_price_unknown(
    acme: Instrument, monkeypatch: pytest.MonkeyPatch
):
    asked(monkeypatch, FakeTicker(is_away=True))

    assert quotes.last_quotes([acme.pk]) == {}
