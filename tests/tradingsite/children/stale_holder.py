"""Takes a lease, waits for a line on stdin, then writes: ``fenced`` or not."""

import sys
from contextlib import suppress

import django
from django.db import transaction

django.setup()

from tests.tradingsite.children.effects import execute  # noqa: E402
from tradingsite import claims  # noqa: E402

lease = claims.acquire("the-only-writer", "stale", ttl_s=0.5)
assert lease
sys.stdout.write("held\n")
sys.stdout.flush()
sys.stdin.readline()
outcome = "refused\n"
with suppress(claims.LeaseLost), transaction.atomic():
    if sys.argv[1] == "fenced":
        claims.fence(lease)
    execute("INSERT INTO test_effects VALUES (1, 1)")
    outcome = "written\n"
sys.stdout.write(outcome)
