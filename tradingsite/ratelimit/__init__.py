"""How often somebody may ask: counted in Redis, exactly, for all processes at once.

``take(allowances)`` counts one request against each allowance it must keep to (its
subject's, its address's) in one script, so that no two processes can both have the
last place. A window begins with the first request in it and ends ``WINDOW_S`` later;
within it as many are allowed as the limit says, no more and no fewer.

When Redis is away each process counts by itself: ``LOCAL_SHARES`` says which part of
a limit it then gives (a tenth where the family is closed, half where it is open).

A *lease* is a number of further requests that one process has counted beforehand and
may answer without asking again. Together the leases never exceed the limit.

``middleware.RateLimits`` counts requests; ``settings.RATE_LIMIT_PLANS`` says what
each plan may.
"""

from tradingsite.ratelimit.asking import Asker
from tradingsite.ratelimit.counting import Allowance, Verdict, take
from tradingsite.ratelimit.families import Family, Share, family_of
from tradingsite.ratelimit.leases import LEASE, Lease
from tradingsite.ratelimit.local import LocalCounts

__all__ = [
    "LEASE",
    "Allowance",
    "Asker",
    "Family",
    "Lease",
    "LocalCounts",
    "Share",
    "Verdict",
    "family_of",
    "take",
]
