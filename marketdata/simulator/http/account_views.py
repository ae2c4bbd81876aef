"""Accounts over HTTP: positions, holdings, funds, profile."""

import math
from typing import Any

from marketdata.simulator.http.messages import Request, Response, answer
from marketdata.simulator.orders.account import Account
from marketdata.simulator.orders.positions import HOLDINGS
from marketdata.simulator.quotes import day_range
from marketdata.simulator.simulation import Simulation

_PRIMARY = "primary"


async def positions(simulation: Simulation, request: Request) -> Response:
    account = _account(simulation, request)
    rows = [
        position.payload(simulation.prices.price(position.contract))
        for position in account.positions.values()
    ]
    return answer({"net": rows, "day": rows})


async def holdings(simulation: Simulation, request: Request) -> Response:
    _account(simulation, request)
    rows: list[dict[str, Any]] = []
    for holding in HOLDINGS:
        key = f"{simulation.options.exchange}:{holding.symbol}"
        contract = simulation.prices.universe().by_key.get(key)
        if contract is None:
            continue
        price = simulation.prices.price(contract)
        if not math.isnan(price):
            close = day_range(simulation.prices, contract, price)["close"]
            rows.append(holding.payload(contract, price, close))
    return answer(rows)


async def margins(simulation: Simulation, request: Request) -> Response:
    account = _account(simulation, request)
    segments = {
        "equity": _equity(simulation, account),
        "commodity": _segment(enabled=False, opening=0.0, net=0.0, used={}),
    }
    segment = request.text("segment", "")
    return answer(segments.get(segment, segments))


def _equity(simulation: Simulation, account: Account) -> dict[str, Any]:
    broker = simulation.broker
    used = broker.used(account)
    net = broker.available(account)
    return _segment(
        enabled=True,
        opening=account.opening_balance,
        net=net,
        used={
            "debits": account.opening_balance - net,
            "exposure": used.exposure,
            "span": used.span,
            "option_premium": used.option_premium,
        },
    )


def _segment(
    *, enabled: bool, opening: float, net: float, used: dict[str, float]
) -> dict[str, Any]:
    names = (
        "debits,exposure,m2m_realised,m2m_unrealised,option_premium,payout,span,"
        "holding_sales,turnover,liquid_collateral,stock_collateral,delivery"
    )
    return {
        "enabled": enabled,
        "net": round(net, 2),
        "available": {
            "adhoc_margin": 0,
            "cash": round(opening, 2),
            "opening_balance": round(opening, 2),
            "live_balance": round(net, 2),
            "collateral": 0,
            "intraday_payin": 0,
        },
        "utilised": {name: round(used.get(name, 0.0), 2) for name in names.split(",")},
    }


async def accounts(simulation: Simulation, request: Request) -> Response:
    return answer(
        [
            {"account_id": account_id, "broker": "SIMULATOR", "is_active": True}
            for account_id in sorted({_PRIMARY, *simulation.broker.accounts})
        ]
    )


async def profile(simulation: Simulation, request: Request) -> Response:
    account = _account(simulation, request)
    exchanges = sorted({c.exchange for c in simulation.prices.universe().contracts})
    return answer(account.profile(exchanges))


def _account(simulation: Simulation, request: Request) -> Account:
    return simulation.broker.account(request.text("account_id", _PRIMARY))
