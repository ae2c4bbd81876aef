"""The feed of recorded files: each print a tick, at its own time."""

from pathlib import Path

from marketdata.simulator import ticks
from marketdata.simulator.contracts import day_number
from marketdata.simulator.replay import files
from marketdata.simulator.replay.prints import Listing, Print
from marketdata.simulator.ticks import Tick
from marketdata.simulator.universe import Universe


class ReplayFeed:
    """A feed that ends with its files and leaves nothing out."""

    def __init__(self, paths: tuple[Path, ...], exchange: str) -> None:
        listing = Listing(exchange)
        self._prints = files.prints(paths, listing)
        if not self._prints:
            raise ValueError("The recordings hold no prices.")
        self._universe = Universe(listing.contracts)
        self._place = 0
        self._ranges: dict[int, tuple[int, dict[str, float]]] = {}
        self.opened_at = self._prints[0].at

    @property
    def is_exhausted(self) -> bool:
        return self._place >= len(self._prints)

    def universe(self, time: float) -> Universe:
        return self._universe

    def skip(self, until: float) -> int:
        return 0

    def take(self, until: float, limit: int) -> list[Tick]:
        taken: list[Tick] = []
        while len(taken) < limit and not self.is_exhausted:
            seen = self._prints[self._place]
            if seen.at > until:
                break
            taken.append(self._tick(seen))
            self._place += 1
        return taken

    def _tick(self, seen: Print) -> Tick:
        at, contract, price, volume, interest = seen
        is_underlying = contract.kind in ("index", "stock")
        if is_underlying:
            payload = ticks.underlying_payload(
                contract, price, volume, at, self._range(seen)
            )
        else:
            payload = ticks.derivative_payload(contract, price, volume, interest, at)
        body = ticks.encoded(payload)
        return Tick(at, contract, price, volume, interest, body, is_underlying)

    def _range(self, seen: Print) -> dict[str, float]:
        """Return the day's open, high and low so far, and the close before it."""
        day, price = day_number(seen.at), seen.price
        known = self._ranges.get(seen.contract.token)
        before = known[1]["last"] if known else price
        if known is None or known[0] != day:
            known = (day, dict.fromkeys(("open", "high", "low"), price))
            known[1]["close"] = before
            self._ranges[seen.contract.token] = known
        ohlc = known[1]
        ohlc["high"] = max(ohlc["high"], price)
        ohlc["low"] = min(ohlc["low"], price)
        ohlc["last"] = price
        return {name: ohlc[name] for name in ("open", "high", "low", "close")}
