from collections.abc import Callable

import pytest

from marketdata import tasks
from marketdata.imports.instruments import ImportRefused
from marketdata.models import Instrument, InstrumentList
from marketdata.ticker import TickerError
from tests.marketdata.test_instrument_lists import HEADER, NIFTY, stock

Say = Callable[[str], None]


class Ticker:
    """A ticker service that lists what the test says."""

    def __init__(self, text: str) -> None:
        self.text = text

    def instruments(self) -> str:
        if not self.text:
            raise TickerError("away")
        return self.text


@pytest.fixture
def lists(monkeypatch: pytest.MonkeyPatch, db: None):
    """Say what the ticker service lists."""

    def say(text: str) -> None:
        monkeypatch.setattr(tasks, "ticker", lambda: Ticker(text))

    return say


def test_the_list_of_the_day_is_taken_over_whole(lists: Say):
    lists(HEADER + NIFTY + stock("ACME", 257))
    tasks.refresh_instruments()

    lists(HEADER + NIFTY + stock("OTHER", 513))
    tasks.refresh_instruments()

    active = Instrument.objects.active().values_list("symbol", flat=True)
    assert set(active) == {"NIFTY 50", "OTHER"}
    assert InstrumentList.objects.filter(is_complete=True).count() == 2


@pytest.mark.parametrize(("text", "error"), [("", TickerError), ("x", ImportRefused)])
def test_a_list_that_does_not_come_changes_nothing(
    lists: Say, text: str, error: type[Exception]
):
    lists(HEADER + NIFTY)
    tasks.refresh_instruments()
    lists(text)

    with pytest.raises(error):
        tasks.refresh_instruments()

    assert Instrument.objects.active().count() == 1
