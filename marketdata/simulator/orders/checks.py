"""What is wrong with an order before it reaches the book, in Kite's words."""

import math
from typing import Any

from marketdata.simulator.http.messages import ApiError
from marketdata.simulator.orders.order import Ask
from marketdata.simulator.universe import Contract

_CHOICES = {
    "variety": ("regular", "amo", "co", "iceberg", "auction"),
    "transaction_type": ("BUY", "SELL"),
    "order_type": ("MARKET", "LIMIT", "SL", "SL-M"),
    "product": ("CNC", "MIS", "NRML", "MTF"),
    "validity": ("DAY", "IOC", "TTL"),
}
_DEFAULTS = {"variety": "regular", "validity": "DAY", "order_type": "MARKET"}
_LONGEST_TAG = 20
_BAND = 0.10


def asked(fields: dict[str, Any]) -> Ask:
    """Return what the fields ask for, or refuse what they cannot mean."""
    chosen = {name: _choice(fields, name) for name in _CHOICES}
    tag = fields.get("tag")
    if tag is not None and (len(str(tag)) > _LONGEST_TAG or not str(tag).isalnum()):
        raise ApiError("Invalid `tag`: at most 20 letters and digits")
    return Ask(
        exchange=_name(fields, "exchange"),
        tradingsymbol=_name(fields, "tradingsymbol"),
        quantity=_whole(fields, "quantity"),
        disclosed_quantity=_whole(fields, "disclosed_quantity", 0),
        price=_price(fields, "price"),
        trigger_price=_price(fields, "trigger_price"),
        tag=None if tag is None else str(tag),
        **chosen,
    )


def _choice(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name, _DEFAULTS.get(name))
    if value not in _CHOICES[name]:
        raise ApiError(f"Invalid `{name}`.")
    return str(value)


def _name(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 50:
        raise ApiError(f"Missing or empty field `{name}`")
    return value


def _whole(fields: dict[str, Any], name: str, default: int | None = None) -> int:
    value = fields.get(name, default)
    try:
        number = int(value)  # type: ignore[arg-type]  # None is refused just below
    except (TypeError, ValueError):
        raise ApiError(f"Invalid `{name}`.") from None
    if isinstance(value, bool) or number != float(value):  # type: ignore[arg-type]
        raise ApiError(f"Invalid `{name}`.")
    return number


def _price(fields: dict[str, Any], name: str) -> float:
    try:
        price = float(fields.get(name) or 0)
    except (TypeError, ValueError):
        raise ApiError(f"Invalid `{name}`.") from None
    if not math.isfinite(price) or price < 0:
        raise ApiError(f"Invalid `{name}`.")
    return price


def refuse_misfit(ask: Ask, contract: Contract, last_price: float) -> None:
    """Refuse an order that does not fit its contract."""
    if contract.kind == "index":
        raise ApiError("Trading in an index is not possible.")
    _refuse_quantity(ask, contract)
    _refuse_prices(ask, contract)
    if ask.order_type == "SL-M" and contract.kind == "option":
        raise ApiError("SL-M orders are blocked for options. Please place an SL order.")
    if ask.order_type in ("SL", "SL-M"):
        _refuse_trigger(ask, last_price)


def _refuse_quantity(ask: Ask, contract: Contract) -> None:
    if ask.quantity <= 0:
        raise ApiError("Quantity should be greater than zero.")
    if ask.quantity % contract.lot_size:
        raise ApiError(
            f"Quantity should be in multiples of the lot size ({contract.lot_size})."
        )
    if contract.freeze_quantity and ask.quantity > contract.freeze_quantity:
        raise ApiError(
            f"Quantity is more than the freeze limit ({contract.freeze_quantity})."
        )
    if ask.product == "CNC" and contract.kind != "stock":
        raise ApiError("CNC is not allowed for derivatives.")


def _refuse_prices(ask: Ask, contract: Contract) -> None:
    needed = {"LIMIT": ("price",), "SL": ("price", "trigger_price")}
    for name in (*needed.get(ask.order_type, ()), *_stop_fields(ask)):
        price = getattr(ask, name)
        if price <= 0:
            raise ApiError(f"Missing `{name}` for an order of type {ask.order_type}.")
        if abs(contract.rounded(price) - price) > 1e-6:
            raise ApiError(
                f"Tick size for this script is {contract.tick_size:.2f}. Kindly enter"
                " price in the multiple of tick size for this script.",
            )


def _stop_fields(ask: Ask) -> tuple[str, ...]:
    return ("trigger_price",) if ask.order_type == "SL-M" else ()


def _refuse_trigger(ask: Ask, last_price: float) -> None:
    kind, side = ("buy", "above") if ask.is_buy else ("sell", "below")
    is_past = ask.trigger_price <= last_price
    if is_past == ask.is_buy:
        raise ApiError(
            f"Trigger price for stoploss {kind} orders should be {side} the last"
            f" traded price ({last_price}).",
        )
    is_wrong = ask.order_type == "SL" and (
        ask.trigger_price > ask.price if ask.is_buy else ask.trigger_price < ask.price
    )
    if is_wrong:
        raise ApiError(
            f"Trigger price for stoploss {kind} orders cannot be beyond the limit"
            " price.",
        )


def circuit_message(ask: Ask, contract: Contract, last_price: float) -> str | None:
    """Return why the exchange would reject this limit price, if it would."""
    if ask.order_type not in ("LIMIT", "SL"):
        return None
    low = contract.rounded(last_price * (1 - _BAND))
    high = contract.rounded(last_price * (1 + _BAND))
    if contract.kind == "option" or low <= ask.price <= high:
        return None
    return f"The price is out of the current circuit limits ({low} - {high})."
