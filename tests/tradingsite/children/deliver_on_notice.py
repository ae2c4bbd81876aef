"""Delivers the outbox with a poll so rare that only a notice can be in time."""

import signal

import django

django.setup()

from tradingsite.outbox import deliverer  # noqa: E402

deliverer.POLL_S = 60
process = deliverer.Deliverer()
signal.signal(signal.SIGTERM, lambda _number, _frame: process.stop())
process.run()
