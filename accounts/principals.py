"""Who is asking: the one answer that every door of the house works with."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal


class Scope(StrEnum):
    """What an API key may be used for; memberships say on which accounts."""

    READ_MARKET = "read:market"
    READ_ACCOUNTS = "read:accounts"
    TRADE = "trade"
    ADMIN = "admin"


ALL_SCOPES: frozenset[str] = frozenset(Scope)
# How old a code may be when something dangerous is done.
FRESH = timedelta(minutes=5)
Kind = Literal["session", "api_key", "token"]


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated subject: a person in a session, or a program acting for one.

    ``key_id`` is the public id of the key, safe to log. A session has every
    scope; what it may really do is decided by memberships. A key without
    ``all_accounts`` is narrowed to the accounts it names. ``proof_id`` is the public id
    of what was shown: the session, the key, or the log-in that a token belongs to.

    A restricted one is somebody who must show a second factor and has not: nothing
    but the way to it is open.
    """

    user_id: int
    username: str
    kind: Kind
    key_id: str | None
    scopes: frozenset[str]
    is_staff: bool
    all_accounts: bool = True
    proof_id: str = ""
    second_factor_at: datetime | None = None
    is_restricted: bool = False

    def may(self, scope: str) -> bool:
        return scope in self.scopes

    def has_fresh_second_factor(self, now: datetime) -> bool:
        """Tell whether a code was shown within the last five minutes."""
        shown_at = self.second_factor_at
        return shown_at is not None and shown_at <= now < shown_at + FRESH
