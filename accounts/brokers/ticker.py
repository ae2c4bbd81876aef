"""The ticker service as a broker: the simulator's paper accounts, and real ones.

    GET /portfolio/positions, /portfolio/holdings, /account/margins, /orders,
    /account/profile, each with ``account_id``.

The answers have Kite's fields without Kite's envelope. Of several addresses (primary
and backup) the first that answers is believed.
"""

from collections.abc import Iterable, Sequence
from typing import TypeVar

import httpx
import msgspec

from accounts.brokers import payloads
from accounts.brokers.calling import Ask, Caller, Deadline
from accounts.brokers.errors import (
    BrokerBusy,
    BrokerError,
    BrokerRefused,
    BrokerUnavailable,
)
from accounts.reported import (
    ReportedBalance,
    ReportedHolding,
    ReportedOrder,
    ReportedPosition,
)

Answer = TypeVar("Answer")
NAME = "Ticker service"


class Profile(msgspec.Struct, frozen=True):
    """Whose account it is."""

    user_id: str


class TickerBroker:
    """One account of the ticker service."""

    def __init__(self, urls: Iterable[str], account_id: str) -> None:
        self._callers = [Caller(NAME, url, refusal, {}) for url in urls]
        self._account_id = account_id

    def positions(self, deadline: Deadline) -> Sequence[ReportedPosition]:
        found = self._read("/portfolio/positions", payloads.Positions, deadline)
        return [row.reported() for row in found.net]

    def holdings(self, deadline: Deadline) -> Sequence[ReportedHolding]:
        rows = self._read("/portfolio/holdings", list[payloads.Holding], deadline)
        return [row.reported() for row in rows]

    def balances(self, deadline: Deadline) -> Sequence[ReportedBalance]:
        margins = self._read("/account/margins", payloads.Margins, deadline)
        return payloads.balances(margins)

    def orders(self, deadline: Deadline) -> Sequence[ReportedOrder]:
        rows = self._read("/orders", list[payloads.Order], deadline)
        return [row.reported() for row in rows]

    def client_id(self, deadline: Deadline) -> str:
        return self._read("/account/profile", Profile, deadline).user_id

    def _read(self, path: str, shape: type[Answer], deadline: Deadline) -> Answer:
        family = path.split("/")[1]
        ask = Ask(family, "GET", path, {"account_id": self._account_id})
        problem = BrokerUnavailable("No ticker service is set (TICKER_URL).")
        for caller in self._callers:
            try:
                return caller.read(ask, shape, deadline)
            except BrokerUnavailable as error:
                problem = error
        raise problem


def refusal(answer: httpx.Response) -> BrokerError:
    """Return what an answer that is no success means."""
    text = f"{NAME}: HTTP {answer.status_code}"
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return BrokerBusy(text)
    if answer.is_server_error:
        return BrokerUnavailable(text)
    return BrokerRefused(text)
