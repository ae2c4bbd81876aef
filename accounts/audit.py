"""What was done and what was refused, by whom, on whose behalf and from where."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest

from accounts.models import TradingAccount
from accounts.principals import Principal


@dataclass(frozen=True, slots=True)
class Change:
    """What a row was and what it has become; only the fields that differ."""

    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)


def record(
    action: str,
    *,
    source: HttpRequest | Principal | None = None,
    account: TradingAccount | None = None,
    target: str = "",
    change: Change | None = None,
    refused: str = "",
) -> None:
    """Write one entry into the chain of ``account`` (of the house without one).

    ``action`` is a dotted name such as ``key.issued``; ``target`` names the row, such
    as ``ApiKey 12``. Who, on whose behalf, from where and the request id come from
    ``source``. ``refused`` is the reason why an attempt was refused; empty means done.
    Call it in the transaction of the change itself.
    """
