"""Who asks, and what their plan gives them."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings

from tradingsite.ratelimit.counting import Allowance
from tradingsite.ratelimit.families import Family

# What somebody who is not known gets, and what one address gets for all behind it.
ANONYMOUS, ADDRESS = "anonymous", "address"
# Plan → family → requests a minute; a family that is absent is not limited.
Plans = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Asker:
    """Whom a request is counted for: a subject with a plan, and an address.

    ``subject`` is empty for somebody who is not known; ``address`` is the one that
    the trusted hop tells.
    """

    address: str
    subject: str = ""
    plan: str = ANONYMOUS

    def allowances(self, family: Family) -> list[Allowance]:
        """Return what a request of ``family`` is counted against.

        A plan without a limit for the family has none by address either.
        """
        plans: Plans = settings.RATE_LIMIT_PLANS
        limit = plans.get(self.plan, {}).get(family.name)
        if limit is None:
            return []
        if not self.subject:
            return [Allowance(f"{family.name}:anonymous:{self.address}", limit)]
        wanted = [Allowance(f"{family.name}:{self.subject}", limit)]
        if (most := plans.get(ADDRESS, {}).get(family.name)) is not None:
            wanted.append(Allowance(f"{family.name}:address:{self.address}", most))
        return wanted
