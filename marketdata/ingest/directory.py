"""Which instrument a tick means: by the broker's number, or by name."""

import datetime
from collections.abc import Callable, Iterable
from functools import partial

from django.db.models import Max

from marketdata.calendars import calendars
from marketdata.models import Instrument
from marketdata.sessions import Calendar, TradingDay
from marketdata.strikes import Contract
from marketdata.ticks import Tick

Key = int | str


def key_of(tick: Tick) -> Key:
    """Return what ``tick`` calls its instrument."""
    return tick.token or tick.instrument_token or tick.tradingsymbol or tick.symbol


class Directory:
    """All active instruments, and the calendar of each exchange."""

    def __init__(self) -> None:
        self._changed_at: datetime.datetime | None = None
        self._count = -1
        self.calendars: dict[str, Calendar] = {}
        self.contracts: dict[int, Contract] = {}
        self.instruments: dict[int, Instrument] = {}
        # A name or number that stands on two exchanges maps to None.
        self._by_key: dict[Key, Instrument | None] = {}
        self._by_exchange: dict[tuple[str, Key], Instrument] = {}

    def refresh(self) -> bool:
        """Read the instruments again when any was added or changed."""
        active = Instrument.objects.filter(is_active=True)
        changed_at = active.aggregate(at=Max("updated_at"))["at"]
        count = active.count()
        if (changed_at, count) == (self._changed_at, self._count):
            return False
        self.calendars = calendars()
        self._load(active.order_by("id"))
        self._changed_at, self._count = changed_at, count
        return True

    def find(self, tick: Tick) -> Instrument | None:
        """Return the instrument that ``tick`` means; None when that is not clear."""
        # The number decides: an option names its underlying as ``symbol``.
        key = key_of(tick)
        if tick.exchange:
            return self._by_exchange.get((tick.exchange, key))
        return self._by_key.get(key)

    def trading_day_of(self, instrument: Instrument) -> Callable[[float], TradingDay]:
        """Return the function that tells the trading day of an instant."""
        calendar = self.calendars[instrument.exchange_id]
        return partial(calendar.trading_day, segment=instrument.hours_segment)

    def _load(self, instruments: Iterable[Instrument]) -> None:
        self._by_key, self._by_exchange = {}, {}
        self.instruments, self.contracts = {}, {}
        for instrument in instruments:
            self.instruments[instrument.id] = instrument
            self._name(instrument)
            if instrument.kind == Instrument.Kind.OPTION and instrument.underlying_id:
                self.contracts[instrument.id] = contract_of(instrument)

    def _name(self, instrument: Instrument) -> None:
        for key in (instrument.broker_token, instrument.symbol):
            if not key:
                continue
            self._by_key[key] = None if key in self._by_key else instrument
            self._by_exchange[instrument.exchange_id, key] = instrument


def contract_of(option: Instrument) -> Contract:
    """Return the strike and side of an option."""
    assert option.underlying_id is not None
    assert option.expires_on is not None
    assert option.strike is not None
    return Contract(
        underlying_id=option.underlying_id,
        expires_on=option.expires_on.isoformat(),
        strike=float(option.strike),
        is_call=option.option_type == Instrument.OptionType.CALL,
    )
