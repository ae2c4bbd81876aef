"""A chain as its stream tells it: a part for the whole, and one for each strike."""

from typing import Any

from marketdata.chain import Chain, OptionSide, Strike, bodies, panels
from marketdata.serializers.options.answers import MetricsSerializer

Body = dict[str, Any]
SUMMARY = "summary"


def parts_of(chain: Chain, *, is_open: bool) -> dict[str, Body]:
    """Return the parts by name; a strike is called by its price."""
    return {
        SUMMARY: summary_of(chain, is_open=is_open),
        **{name_of(row): strike_of(row) for row in chain.strikes},
    }


def name_of(row: Strike) -> str:
    return f"{row.strike:.2f}".removesuffix(".00")


def summary_of(chain: Chain, *, is_open: bool) -> Body:
    """Return what the chain says as a whole."""
    labeled = chain.expiry.labeled
    return {
        "symbol": str(chain.expiry.underlying),
        "expiry": chain.expiry.expires_on,
        "expiry_relative_label": chain.expiry.label,
        "relative_rank": labeled.rank,
        "is_open": is_open,
        "observed_at": chain.observed_at,
        **MetricsSerializer(chain.metrics).data,
    }


def strike_of(row: Strike) -> Body:
    """Return a strike as REST has it, with its moneyness and its spreads."""
    bucket = None if row.steps is None else panels.bucket_of(row.steps, is_call=True)
    body = bodies.of_row(row) | {"moneyness_bucket": bucket}
    for name, side in (("call", row.call), ("put", row.put)):
        if side is not None:
            body[name]["spread_percent"] = _spread_percent(side)
    return body


def _spread_percent(side: OptionSide) -> float | None:
    """Return how liquid a side is: its spread, of the middle of its best prices."""
    if not side.bid or not side.ask:
        return None
    return round(200 * (side.ask - side.bid) / (side.ask + side.bid), 4)
