"""What every recording is read into: prints of contracts, in order of time."""

import datetime as dt
from dataclasses import replace
from typing import NamedTuple

from marketdata.simulator import contracts
from marketdata.simulator.noise import key_of
from marketdata.simulator.universe import (
    UNDERLYINGS,
    Contract,
    Underlying,
    cash,
    derivative,
)

_INDEX_SEGMENT = 9
_MIDCAP = Underlying("MIDCPNIFTY", "MIDCPNIFTY", 288009, 13_000.0, "index", 25, 2)
_OWNERS = {owner.symbol: owner for owner in (*UNDERLYINGS, _MIDCAP)}


class RecordingError(ValueError):
    """A file that cannot be played: which one, which line, why."""

    def __init__(self, name: str, line: int, why: object) -> None:
        super().__init__(f"{name}, line {line}: {why}")


class Print(NamedTuple):
    """A price that was seen; ``volume`` counts from the start of the day."""

    at: float
    contract: Contract
    price: float
    volume: int
    open_interest: int


class Listing:
    """The contracts that the recordings speak of, each made once."""

    def __init__(self, exchange: str) -> None:
        self._exchange = exchange
        self._known: dict[tuple[object, ...], Contract] = {}

    @property
    def contracts(self) -> tuple[Contract, ...]:
        return tuple(sorted(self._known.values(), key=lambda found: found.token))

    def cash(self, symbol: str, at: float, level: float) -> Contract:
        mark = (symbol,)
        if mark not in self._known:
            on = contracts.ist_date(at)
            self._known[mark] = cash(_owner(symbol), self._exchange, level, on)
        return self._known[mark]

    def future(self, symbol: str, at: float, level: float) -> Contract:
        """Return the nearest monthly future of that time."""
        expires_on = contracts.monthly_expiries(at, 1)[0]
        mark = (symbol, expires_on)
        if mark not in self._known:
            on = contracts.ist_date(at)
            tick = contracts.tick_size(contracts.FUTURE_TICKS, on, level)
            owner = _derivable(symbol)
            self._known[mark] = derivative(owner, self._exchange, expires_on, tick)
        return self._known[mark]

    def option(
        self, symbol: str, expires_on: dt.date, strike: float, option_type: str
    ) -> Contract:
        mark = (symbol, expires_on, strike, option_type)
        if mark not in self._known:
            self._known[mark] = derivative(
                _derivable(symbol),
                self._exchange,
                expires_on,
                contracts.OPTION_TICK,
                (strike, option_type),
            )
        return self._known[mark]


def _owner(symbol: str) -> Underlying:
    """Return the known underlying, or an index of that name with a token of its own."""
    if symbol in _OWNERS:
        return _OWNERS[symbol]
    token = key_of(0, symbol) % 2**22 * 256 + _INDEX_SEGMENT
    return replace(_MIDCAP, symbol=symbol, name=symbol, token=token)


def _derivable(symbol: str) -> Underlying:
    owner = _OWNERS.get(symbol)
    if owner is None or owner.symbol not in contracts.LOTS:
        raise ValueError(f"no lot size is known for {symbol!r}")
    return owner
