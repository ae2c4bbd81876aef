"""Which contracts exist at a moment, and under which token.

Tokens are made like Kite's, ``exchange_token * 256 + segment``, from what the
contract is, so that it keeps its token from one run to the next. The strike stands
in the low bits of the exchange token, which spreads a chain over the stream shards.
"""

import csv
import datetime as dt
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from marketdata.simulator import contracts

DERIVATIVES = 2
_WEEK_ONE = dt.date(2024, 1, 1).toordinal()
DERIVATIVE_EXCHANGES = {"NSE": "NFO", "BSE": "BFO"}
_STRIKES_EACH_SIDE = 20
_EXPIRIES = 3
INSTRUMENT_COLUMNS = (
    "instrument_token",
    "exchange_token",
    "tradingsymbol",
    "name",
    "last_price",
    "expiry",
    "strike",
    "tick_size",
    "lot_size",
    "instrument_type",
    "segment",
    "exchange",
)


@dataclass(frozen=True, slots=True)
class Underlying:
    """An index or a stock that the market moves by itself."""

    symbol: str
    name: str
    token: int
    level: float
    kind: str
    strike_step: int = 0
    number: int = 0


UNDERLYINGS = (
    Underlying("NIFTY", "NIFTY", 256265, 24_100.0, "index", 50, 0),
    Underlying("BANKNIFTY", "BANKNIFTY", 260105, 52_400.0, "index", 100, 1),
    Underlying("RELIANCE", "RELIANCE INDUSTRIES", 738561, 1_412.0, "stock"),
    Underlying("HDFCBANK", "HDFC BANK", 341249, 985.0, "stock"),
    Underlying("ICICIBANK", "ICICI BANK", 1270529, 1_385.0, "stock"),
    Underlying("INFY", "INFOSYS", 408065, 1_520.0, "stock"),
    Underlying("TCS", "TATA CONSULTANCY SERV LT", 2953217, 3_090.0, "stock"),
    Underlying("SBIN", "STATE BANK OF INDIA", 779521, 872.0, "stock"),
    Underlying("ITC", "ITC", 424961, 408.0, "stock"),
    Underlying("LT", "LARSEN & TOUBRO", 2939649, 3_720.0, "stock"),
    Underlying("AXISBANK", "AXIS BANK", 1510401, 1_165.0, "stock"),
    Underlying("BHARTIARTL", "BHARTI AIRTEL", 2714625, 1_960.0, "stock"),
)


@dataclass(frozen=True, slots=True)
class Contract:
    """Something that has a price: an index, a stock, a future or an option."""

    token: int
    exchange: str
    symbol: str
    underlying: str
    name: str
    kind: str
    segment: str
    tick_size: float
    lot_size: int = 1
    freeze_quantity: int = 0
    expires_on: dt.date | None = None
    expires_at: float = 0.0
    strike: float = 0.0
    option_type: str = ""

    @property
    def instrument_type(self) -> str:
        return self.option_type or ("FUT" if self.kind == "future" else "EQ")

    @property
    def key(self) -> str:
        return f"{self.exchange}:{self.symbol}"

    def rounded(self, price: float) -> float:
        """Return the price on the grid, one tick at least."""
        steps = max(round(price / self.tick_size), 1)
        return round(steps * self.tick_size, 2)


@dataclass(frozen=True, slots=True)
class Universe:
    """The contracts listed at a moment, in a fixed order."""

    contracts: tuple[Contract, ...]
    by_token: dict[int, Contract] = field(init=False)
    by_key: dict[str, Contract] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_token", {c.token: c for c in self.contracts})
        object.__setattr__(self, "by_key", {c.key: c for c in self.contracts})


def derivative_token(
    owner: Underlying, expires_on: dt.date, strike: float, option_type: str
) -> int:
    week = (expires_on.toordinal() - _WEEK_ONE) // 7 % 512
    place = int(strike / owner.strike_step) % 2048 if strike else expires_on.month
    kind = (owner.number * 512 + week) * 2 + (option_type == "CE")
    return (kind * 2048 + place) * 256 + DERIVATIVES


def listed(time: float, exchange: str, spot: Callable[[str, float], float]) -> Universe:
    """Return what is listed at ``time``; strikes are set around the day's open."""
    found: list[Contract] = []
    opening = contracts.day_opened(contracts.day_number(time))
    for owner in UNDERLYINGS:
        level = spot(owner.symbol, opening)
        found.append(cash(owner, exchange, level, contracts.ist_date(time)))
        if owner.kind == "index":
            found.extend(_futures(owner, exchange, level, time))
            found.extend(_options(owner, exchange, level, time))
    return Universe(tuple(found))


def cash(owner: Underlying, exchange: str, level: float, on: dt.date) -> Contract:
    is_index = owner.kind == "index"
    tick = contracts.tick_size(contracts.STOCK_TICKS, on, level)
    return Contract(
        token=owner.token,
        exchange=exchange,
        symbol=owner.symbol,
        underlying=owner.symbol,
        name=owner.name,
        kind=owner.kind,
        segment="INDICES" if is_index else exchange,
        tick_size=contracts.INDEX_TICK if is_index else tick,
    )


def _futures(
    owner: Underlying, exchange: str, level: float, time: float
) -> Iterable[Contract]:
    on = contracts.ist_date(time)
    tick = contracts.tick_size(contracts.FUTURE_TICKS, on, level)
    for day in contracts.monthly_expiries(time, _EXPIRIES):
        yield derivative(owner, exchange, day, tick)


def _options(
    owner: Underlying, exchange: str, level: float, time: float
) -> Iterable[Contract]:
    is_weekly = owner.symbol == "NIFTY"
    expiries = contracts.weekly_expiries if is_weekly else contracts.monthly_expiries
    center = round(level / owner.strike_step) * owner.strike_step
    for day in expiries(time, _EXPIRIES):
        for place in range(-_STRIKES_EACH_SIDE, _STRIKES_EACH_SIDE + 1):
            strike = float(center + place * owner.strike_step)
            for option_type in ("CE", "PE"):
                yield derivative(
                    owner,
                    exchange,
                    day,
                    contracts.OPTION_TICK,
                    (strike, option_type),
                )


def derivative(
    owner: Underlying,
    exchange: str,
    day: dt.date,
    tick: float,
    option: tuple[float, str] = (0.0, ""),
    rule: contracts.LotRule | None = None,
) -> Contract:
    strike, option_type = option
    rule = rule or contracts.lot_rule(owner.symbol, day)
    exchange = DERIVATIVE_EXCHANGES.get(exchange, exchange)
    if option_type:
        symbol = contracts.option_symbol(owner.symbol, day, strike, option_type)
    else:
        symbol = contracts.future_symbol(owner.symbol, day)
    return Contract(
        token=derivative_token(owner, day, strike, option_type),
        exchange=exchange,
        symbol=symbol,
        underlying=owner.symbol,
        name=owner.symbol,
        kind="option" if option_type else "future",
        segment=f"{exchange}-OPT" if option_type else f"{exchange}-FUT",
        tick_size=tick,
        lot_size=rule.lot_size,
        freeze_quantity=rule.freeze_quantity,
        expires_on=day,
        expires_at=contracts.expiry_instant(day),
        strike=strike,
        option_type=option_type,
    )


def instruments_csv(universe: Universe, price: Callable[[Contract], float]) -> str:
    """Return the instrument list in the columns of Kite's file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(INSTRUMENT_COLUMNS)
    for contract in universe.contracts:
        writer.writerow(_instrument_row(contract, price(contract)))
    return text.getvalue()


def _instrument_row(contract: Contract, price: float) -> list[object]:
    return [
        contract.token,
        contract.token // 256,
        contract.symbol,
        contract.name,
        price,
        contract.expires_on or "",
        contract.strike,
        contract.tick_size,
        contract.lot_size,
        contract.instrument_type,
        contract.segment,
        contract.exchange,
    ]
