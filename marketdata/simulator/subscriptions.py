"""Who asked for which instrument: rows that are counted, as the ticker service does."""

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Any

from marketdata.simulator.http.messages import ApiError
from marketdata.simulator.universe import Contract

_MODES = ("FULL", "QUOTE", "LTP")


@dataclass(slots=True)
class Subscription:
    """One instrument that somebody wants ticks of."""

    instrument_token: int
    tradingsymbol: str
    segment: str
    status: str
    requested_mode: str
    account_id: str
    subscriber_count: int
    created_at: str
    updated_at: str


class Subscriptions:
    """The rows, by token."""

    def __init__(self) -> None:
        self._rows: dict[int, Subscription] = {}

    def add(
        self, contract: Contract, mode: str, account_id: str, at: float
    ) -> dict[str, Any]:
        """Count one more subscriber of an instrument; make its row when it is new."""
        if mode.upper() not in _MODES:
            raise ApiError(f"requested_mode must be one of {', '.join(_MODES)}")
        stamp = dt.datetime.fromtimestamp(at, dt.UTC).isoformat()
        row = self._rows.get(contract.token)
        if row is None:
            row = Subscription(
                instrument_token=contract.token,
                tradingsymbol=contract.symbol,
                segment=contract.segment,
                status="active",
                requested_mode=mode.upper(),
                account_id=account_id,
                subscriber_count=0,
                created_at=stamp,
                updated_at=stamp,
            )
            self._rows[contract.token] = row
        row.status, row.requested_mode = "active", mode.upper()
        row.account_id, row.updated_at = account_id, stamp
        row.subscriber_count += 1
        return asdict(row)

    def remove(self, token: int, at: float) -> dict[str, Any]:
        """Take one subscriber away; the row of the last one becomes inactive."""
        row = self._rows.get(token)
        if row is None or row.status != "active":
            raise ApiError("Subscription not found", status=404)
        row.subscriber_count -= 1
        row.updated_at = dt.datetime.fromtimestamp(at, dt.UTC).isoformat()
        if row.subscriber_count == 0:
            row.status = "inactive"
        return asdict(row)

    def rows(self, status: str = "") -> list[dict[str, Any]]:
        return [
            asdict(row)
            for token, row in sorted(self._rows.items())
            if not status or row.status == status
        ]

    def active_count(self) -> int:
        return sum(row.status == "active" for row in self._rows.values())
