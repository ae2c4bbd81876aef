"""What every recording is read into: prints of contracts, in order of time."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace
from math import gcd
from typing import NamedTuple

from marketdata.simulator import contracts
from marketdata.simulator.noise import key_of
from marketdata.simulator.universe import (
    DERIVATIVES,
    UNDERLYINGS,
    Contract,
    Underlying,
    cash,
    derivative,
)

_INDEX_SEGMENT = 9
_MIDCAP = Underlying("MIDCPNIFTY", "MIDCPNIFTY", 288009, 13_000.0, "index", 25, 2)
_INDICES = {"FINNIFTY", "NIFTYNXT50", "SENSEX", "BANKEX"}
# Above the tokens that are made of the number, week and strike of a known owner.
_UNKNOWN_OWNERS = 2**23
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
        self._lots: dict[str, contracts.LotRule] = {}

    @property
    def contracts(self) -> tuple[Contract, ...]:
        return tuple(sorted(self._known.values(), key=lambda found: found.token))

    def learn_lot(self, symbol: str, quantities: Iterable[int]) -> None:
        """Take what all quantities are multiples of as the lot of an unknown owner."""
        if symbol not in contracts.LOTS:
            known = self._lots[symbol].lot_size if symbol in self._lots else 0
            lot_size = gcd(known, *quantities) or 1
            self._lots[symbol] = contracts.LotRule(dt.date.min, lot_size, 0)

    def cash(self, symbol: str, at: float, level: float) -> Contract:
        mark = (symbol,)
        if mark not in self._known:
            on = contracts.ist_date(at)
            self._known[mark] = cash(self._owner(symbol), self._exchange, level, on)
        return self._known[mark]

    def future(self, symbol: str, at: float, level: float) -> Contract:
        """Return the nearest monthly future of that time."""
        expires_on = contracts.monthly_expiries(at, 1)[0]
        mark = (symbol, expires_on)
        if mark not in self._known:
            on = contracts.ist_date(at)
            tick = contracts.tick_size(contracts.FUTURE_TICKS, on, level)
            self._known[mark] = self._derivative(symbol, expires_on, tick)
        return self._known[mark]

    def option(
        self, symbol: str, expires_on: dt.date, strike: float, option_type: str
    ) -> Contract:
        mark = (symbol, expires_on, strike, option_type)
        if mark not in self._known:
            self._known[mark] = self._derivative(
                symbol, expires_on, contracts.OPTION_TICK, (strike, option_type)
            )
        return self._known[mark]

    def _derivative(
        self,
        symbol: str,
        expires_on: dt.date,
        tick: float,
        option: tuple[float, str] = (0.0, ""),
    ) -> Contract:
        rule = self._lots.get(symbol)
        if rule is None and symbol not in contracts.LOTS:
            raise ValueError(f"no lot size is known for {symbol!r}")
        owner = self._owner(symbol)
        if rule is None:
            return derivative(owner, self._exchange, expires_on, tick, option)
        # Strikes of an unknown owner may be any number apart: no arithmetic on them.
        owner = replace(owner, strike_step=1)
        made = derivative(owner, self._exchange, expires_on, tick, option, rule)
        token = (_UNKNOWN_OWNERS + len(self._known)) * 256 + DERIVATIVES
        return replace(made, token=token)

    def _owner(self, symbol: str) -> Underlying:
        """Return the known underlying, or one of that name with its own token."""
        if symbol in _OWNERS:
            return _OWNERS[symbol]
        # A share has options of its own; what has none is taken for an index.
        is_index = symbol in _INDICES or symbol not in self._lots
        kind, segment = ("index", _INDEX_SEGMENT) if is_index else ("stock", 1)
        token = key_of(0, symbol) % 2**22 * 256 + segment
        return replace(_MIDCAP, symbol=symbol, name=symbol, token=token, kind=kind)
