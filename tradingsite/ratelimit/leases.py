"""Requests counted beforehand, for a short way that answers without asking Redis."""

import time
from dataclasses import dataclass

from tradingsite.ratelimit.counting import Verdict

# Where the lease of an ASGI request stands in its scope.
LEASE = "tradingsite.lease"
MOST = 500
Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Lease:
    """What one request wants counted beforehand, and what it was given.

    Without a limit (``verdict`` is None) there is nothing to count: it never ends.
    """

    wanted: int = 0
    verdict: Verdict | None = None
    policy: str = ""
    left: int = 0
    ends_at: float = 0.0
    used: int = 0
    missed: int = 0
    before: "Lease | None" = None

    def grant(self, verdict: Verdict, policy: str) -> None:
        """Take what the count of a request answered."""
        self.verdict, self.policy = verdict, policy
        self.left = verdict.leased
        self.ends_at = time.monotonic() + verdict.reset_s

    def join(self, other: "Lease | None") -> None:
        """Take over what is left of ``other``, if counted in the same windows."""
        self.before = None
        mine, theirs = self.verdict, other.verdict if other else None
        if other and mine and theirs and mine.windows == theirs.windows:
            self.left, other.left = self.left + other.left, 0

    def draws(self, verdict: Verdict) -> bool:
        """Use one counted for those before; tell whether there was one.

        Their lease may have ended while the shared count was already full.
        """
        before = self.before
        if before is None or before.verdict is None or before.left < 1:
            return False
        if before.verdict.windows != verdict.windows:
            return False
        before.left -= 1
        return True

    def use(self) -> bool:
        """Use one of the requests counted beforehand; tell whether there was one."""
        if self.verdict is None:
            return True
        if self.left < 1:
            self.missed += 1
            return False
        self.left -= 1
        self.used += 1
        return True

    def next(self) -> "Lease":
        """Return what to want next: twice what was asked for, so that it grows fast.

        Who asks once wants nothing beforehand, and so loses nothing.
        """
        wanted = 2 * (self.used + self.missed) - self.left
        return Lease(min(MOST, max(0, wanted)), before=self)

    def headers(self, now: float) -> Headers:
        """Return how the limit stands, as the long way says it; nothing without one."""
        verdict = self.verdict
        if verdict is None:
            return []
        told = told_of(verdict, self.policy, self.left, round(self.ends_at - now))
        return [(name.lower().encode(), text.encode()) for name, text in told.items()]

    def lines(self, now: float) -> bytes:
        """Return the same as they stand in the head of an answer."""
        return b"".join(b"%b: %b\r\n" % pair for pair in self.headers(now))


def told_of(verdict: Verdict, policy: str, leased: int, reset_s: int) -> dict[str, str]:
    """Return the headers that tell a caller how its limit stands.

    ``RateLimit-Limit``, ``-Remaining`` and ``-Reset`` as everybody reads them, and
    ``RateLimit-Policy`` and ``RateLimit`` of the IETF's draft
    (httpapi-ratelimit-headers).
    """
    remaining, reset_s = verdict.remaining + leased, max(1, reset_s)
    return {
        "RateLimit-Limit": str(verdict.limit),
        "RateLimit-Remaining": str(remaining),
        "RateLimit-Reset": str(reset_s),
        "RateLimit-Policy": f'"{policy}";q={verdict.limit};w={verdict.window_s}',
        "RateLimit": f'"{policy}";r={remaining};t={reset_s}',
    }
