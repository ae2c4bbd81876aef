"""The table of contents of the ticker service."""

import re
from collections.abc import Awaitable, Callable

from marketdata.simulator.http import account_views as accounts
from marketdata.simulator.http import history_views as history
from marketdata.simulator.http import market_views as market
from marketdata.simulator.http import order_views as orders
from marketdata.simulator.http.messages import ApiError, Request, Response
from marketdata.simulator.simulation import Simulation

View = Callable[[Simulation, Request], Awaitable[Response]]

ROUTES: tuple[tuple[str, str, View], ...] = (
    ("GET", "/health", market.health),
    ("GET", "/instruments", market.instruments),
    ("GET", "/quote", market.quotes),
    ("GET", "/history", history.candles),
    ("POST", "/subscriptions", market.subscribe),
    ("GET", "/subscriptions", market.subscriptions),
    ("DELETE", "/subscriptions/{token}", market.unsubscribe),
    ("GET", "/portfolio/positions", accounts.positions),
    ("GET", "/portfolio/holdings", accounts.holdings),
    ("GET", "/account/margins", accounts.margins),
    ("GET", "/account/s", accounts.accounts),
    ("GET", "/account/profile", accounts.profile),
    ("GET", "/orders", orders.orders),
    ("POST", "/orders/place", orders.place),
    ("PUT", "/orders/modify", orders.modify),
    ("DELETE", "/orders/cancel", orders.cancel),
    ("GET", "/orders/tasks/{task_id}", orders.task),
    ("GET", "/orders/{order_id}/trades", orders.trades),
    ("POST", "/orders/margins", orders.margins),
    ("POST", "/orders/margins/basket", orders.basket_margins),
    ("POST", "/advanced/batch-orders", orders.batch),
    ("POST", "/faults", market.set_faults),
    ("DELETE", "/faults", market.clear_faults),
)
_PATTERNS = tuple(
    (method, re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", path) + "/?$"), view)
    for method, path, view in ROUTES
)


def found(method: str, path: str) -> tuple[View, dict[str, str]]:
    """Return the view for a request, or say 404 or 405."""
    is_known = False
    for allowed, pattern, view in _PATTERNS:
        match = pattern.match(path)
        if match and allowed == method:
            return view, match.groupdict()
        is_known = is_known or bool(match)
    if is_known:
        raise ApiError("Method not allowed", status=405, error_type="GeneralException")
    raise ApiError("Route not found", status=404, error_type="GeneralException")
