"""Volatility and greeks of a chain: the product beside one option at a time."""
