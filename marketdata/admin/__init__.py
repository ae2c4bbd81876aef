"""The market in the admin: what may be edited, and what is only looked at."""

from marketdata.admin import calendar, ingest, instruments, labels

__all__ = ["calendar", "ingest", "instruments", "labels"]
