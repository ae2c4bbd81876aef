"""Whole pages and answers of the option chain, timed inside the server."""
