"""Tests of TimescaleDB itself are only collected where one is at hand."""

from django.conf import settings

from tests.marketdata.conftest import acme

__all__ = ["acme"]

if settings.DATABASE_ENGINE != "timescale":
    collect_ignore = ["test_timescale.py", "test_timescale_jobs.py"]
