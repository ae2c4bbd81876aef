"""Bars for a chart: the truth in PostgreSQL, and fragments of it kept at hand.

``source`` asks PostgreSQL, whatever table a bar comes from: where larger bars are
read is decided there and nowhere else. ``between`` and ``newest`` are its two
questions. The rest of the package keeps what ``source`` said of closed days, so that
an answer is a join of byte strings; it never makes a bar by itself.
"""

from marketdata.history.source import EARLIEST, LATEST, Columns, between, newest

__all__ = ["EARLIEST", "LATEST", "Columns", "between", "newest"]
