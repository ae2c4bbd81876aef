"""Ticks to bars in PostgreSQL: the product beside the original shape."""
