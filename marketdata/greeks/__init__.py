"""Implied volatility and greeks of whole chains: Black's model in plain numpy."""

from marketdata.greeks.formulas import (
    DAYS_A_YEAR,
    Terms,
    Valuation,
    implied,
    price,
    value,
)

__all__ = ["DAYS_A_YEAR", "Terms", "Valuation", "implied", "price", "value"]
