"""The ticks of the ingest bench, and the bars that they must become.

200 instruments tick in turn for 25 minutes, each in every minute. Two shapes: the
plain tick of 74 bytes, and the full option tick with depth and greeks. They are made
from a seed, so that every run, round and peer sees the same bytes.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

SEED = 20231115
# Ten in the morning of a trading Wednesday in Mumbai: the day's volume is under way.
STARTS_AT = 1_700_022_600
INSTRUMENTS = 200
MINUTES = 25
MICRO = 1_000_000
UNDERLYING = "BENCHIX"
FIRST_TOKEN = 9_000_000
FIRST_STRIKE, STRIKE_STEP = 20_000, 50

# Open, high, low, close and volume, by symbol and minute in epoch seconds.
Bars = dict[tuple[str, int], tuple[float, float, float, float, int]]
Entry = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Contract:
    """What is traded: a plain symbol, or one side of a strike."""

    symbol: str
    token: int
    strike: int = 0
    side: str = ""
    expires_on: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """One tick, its time in whole microseconds so that text and float agree."""

    contract: Contract
    price: float
    volume: int
    at_us: int

    @property
    def minute(self) -> int:
        return self.at_us // MICRO // 60 * 60

    @property
    def ts(self) -> str:
        return f"{self.at_us // MICRO}.{self.at_us % MICRO:06d}"


@dataclass(frozen=True, slots=True)
class Load:
    """Ticks in the order they come, with the bytes each is on the wire."""

    name: str
    contracts: tuple[Contract, ...]
    ticks: tuple[Tick, ...]
    wires: tuple[bytes, ...] = field(repr=False)

    @property
    def tick_bytes(self) -> float:
        return sum(map(len, self.wires)) / len(self.wires)

    def payloads(self, per_entry: int) -> list[bytes]:
        """Return the messages: a tick each, or JSON arrays of ``per_entry``."""
        if per_entry == 1:
            return list(self.wires)
        return [
            b"[" + b",".join(self.wires[first : first + per_entry]) + b"]"
            for first in range(0, len(self.wires), per_entry)
        ]

    def entries(self, per_entry: int) -> Iterator[Entry]:
        """Yield the stream's entries, with its own time before the ticks of a second.

        The last heartbeat lies far enough behind the last tick to close its minute.
        """
        clock = 0
        for number, payload in enumerate(self.payloads(per_entry)):
            last = min((number + 1) * per_entry, len(self.ticks)) - 1
            if (now := self.ticks[last].at_us // MICRO) > clock:
                clock = now
                yield b"h", str(clock).encode()
            yield b"d", payload
        yield b"h", str(clock + 120).encode()


def plain(rounds_per_minute: int = 40) -> Load:
    """Return plain ticks, 74 bytes each: symbol, price, day's volume, time."""
    contracts = tuple(
        Contract(f"SYM{number:03d}", FIRST_TOKEN + number)
        for number in range(INSTRUMENTS)
    )
    ticks = tuple(_walk(contracts, rounds_per_minute))
    return Load("plain", contracts, ticks, tuple(map(_plain_wire, ticks)))


def options(rounds_per_minute: int = 20) -> Load:
    """Return full option ticks: what the ticker service sends, depth and greeks too."""
    contracts = tuple(_chain())
    ticks = tuple(_walk(contracts, rounds_per_minute))
    return Load("option", contracts, ticks, tuple(map(_option_wire, ticks)))


def rebuilt(load: Load) -> Bars:
    """Return the bars of ``load``: the shortest rebuild, which knows no stream.

    A day's volume that was under way before the first tick belongs to no bar.
    """
    bars: Bars = {}
    seen: dict[str, int] = {}
    for tick in load.ticks:
        symbol, price = tick.contract.symbol, tick.price
        traded = tick.volume - seen.get(symbol, tick.volume)
        seen[symbol] = tick.volume
        known = bars.get((symbol, tick.minute))
        opened, high, low, _, volume = known or (price, price, price, price, 0)
        bars[symbol, tick.minute] = (
            opened,
            max(high, price),
            min(low, price),
            price,
            volume + traded,
        )
    return bars


def _walk(contracts: tuple[Contract, ...], rounds_per_minute: int) -> Iterator[Tick]:
    """Yield ticks of all contracts in turn, shuffled anew in every round."""
    chance = random.Random(SEED)
    prices = dict.fromkeys(contracts, 2500.0)
    volumes = dict.fromkeys(contracts, 100_000)
    step_us = 60 * MICRO // (rounds_per_minute * len(contracts))
    at_us = STARTS_AT * MICRO
    for _ in range(MINUTES * rounds_per_minute):
        for contract in chance.sample(contracts, len(contracts)):
            price = round(prices[contract] + chance.uniform(-2, 2), 2)
            prices[contract] = min(max(price, 1000.0), 9999.99)
            volumes[contract] += chance.randrange(800)
            yield Tick(contract, prices[contract], volumes[contract], at_us)
            at_us += step_us


def _chain() -> Iterator[Contract]:
    sides = ("CE", "PE")
    for number in range(INSTRUMENTS):
        expires_on = ("2023-11-30", "2023-12-28")[number // 100]
        strike = FIRST_STRIKE + STRIKE_STEP * (number % 100 // 2)
        month = {"2023-11-30": "23NOV", "2023-12-28": "23DEC"}[expires_on]
        side = sides[number % 2]
        symbol = f"{UNDERLYING}{month}{strike}{side}"
        yield Contract(symbol, FIRST_TOKEN + 1000 + number, strike, side, expires_on)


def _plain_wire(tick: Tick) -> bytes:
    return (
        f'{{"symbol":"{tick.contract.symbol}","price":{tick.price:.2f},'
        f'"volume":{tick.volume},"ts":{tick.ts}}}'
    ).encode()


def _option_wire(tick: Tick) -> bytes:
    contract, wobble = tick.contract, tick.volume % 97
    payload = {
        "symbol": UNDERLYING,
        "token": contract.token,
        "tradingsymbol": contract.symbol,
        "segment": "DEMO-OPT",
        "exchange": "DEMO",
        "strike": contract.strike,
        "expiry": contract.expires_on,
        "type": contract.side,
        "lot_size": 50,
        "tick_size": 0.05,
        "price": tick.price,
        "volume": tick.volume,
        "oi": 1_000_000 + wobble * 50,
        "iv": round(0.12 + wobble / 1000, 4),
        "delta": round(0.3 + wobble / 500, 4),
        "gamma": 0.0011,
        "theta": round(-8.0 - wobble / 10, 3),
        "vega": round(11.0 + wobble / 10, 3),
        "ts": float(tick.ts),
        "is_mock": False,
        "depth": {"buy": _side(tick.price, -1), "sell": _side(tick.price, 1)},
        "total_buy_quantity": 184_300 + wobble,
        "total_sell_quantity": 201_150 + wobble,
    }
    return json.dumps(payload, separators=(",", ":")).encode()


def _side(price: float, direction: int) -> list[dict[str, float]]:
    return [
        {
            "quantity": 50 * level,
            "price": round(price + direction * 0.05 * level, 2),
            "orders": level,
        }
        for level in range(1, 6)
    ]
