"""What every broker can be asked, whichever it is."""

from collections.abc import Sequence
from typing import Protocol

from accounts.brokers.calling import Deadline
from accounts.reported import (
    ReportedBalance,
    ReportedHolding,
    ReportedOrder,
    ReportedPosition,
)


class Broker(Protocol):
    """One account at a broker; each read may be asked twice and changes nothing.

    Every method waits at most for ``deadline`` and raises ``BrokerUnavailable`` or
    ``BrokerNeedsHuman``. Called inside a transaction they raise ``RuntimeError``: a
    broker that is slow must not keep locks.
    """

    def positions(self, deadline: Deadline) -> Sequence[ReportedPosition]:
        """Return all net positions, those that became flat today too."""
        ...

    def holdings(self, deadline: Deadline) -> Sequence[ReportedHolding]: ...

    def balances(self, deadline: Deadline) -> Sequence[ReportedBalance]: ...

    def orders(self, deadline: Deadline) -> Sequence[ReportedOrder]:
        """Return the day's orders, oldest first."""
        ...

    def client_id(self, deadline: Deadline) -> str:
        """Return whose account the broker takes this for."""
        ...
