"""Which requests are counted together, and what each gets while Redis is away."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings


class Share(StrEnum):
    """What a process gives by itself while nobody counts for all of them."""

    CLOSED = "closed"
    OPEN = "open"


# The part of a limit that one process gives: the closed ones assume ten of them.
LOCAL_SHARES = {Share.CLOSED: 0.1, Share.OPEN: 0.5}


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of request, known by how its path begins."""

    name: str
    paths: Sequence[str]
    share: Share = Share.OPEN

    def local(self, limit: int) -> int:
        """Return what is left of ``limit`` for one process that counts alone."""
        return max(1, int(limit * LOCAL_SHARES[self.share]))


def family_of(path: str) -> Family | None:
    """Return the first family that ``path`` belongs to; None is never counted."""
    families: Sequence[Family] = settings.RATE_LIMIT_FAMILIES
    for family in families:
        if path.startswith(tuple(family.paths)):
            return family
    return None
