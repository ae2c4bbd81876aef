"""Who is asking: the one answer that every door of the house works with."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Scope(StrEnum):
    """What an API key may be used for; memberships say on which accounts."""

    READ_MARKET = "read:market"
    READ_ACCOUNTS = "read:accounts"
    TRADE = "trade"
    ADMIN = "admin"


ALL_SCOPES: frozenset[str] = frozenset(Scope)


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated subject: a person in a session, or a key acting for one.

    ``key_id`` is the public id of the key, safe to log. A session has every
    scope; what it may really do is decided by memberships. A key without
    ``all_accounts`` is narrowed to the accounts it names.
    """

    user_id: int
    username: str
    kind: Literal["session", "api_key"]
    key_id: str | None
    scopes: frozenset[str]
    is_staff: bool
    all_accounts: bool = True

    def may(self, scope: str) -> bool:
        return scope in self.scopes
