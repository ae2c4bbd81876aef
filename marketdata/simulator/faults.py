"""Faults on demand: how a test makes the ticker service slow, wrong or silent."""

import random
from dataclasses import dataclass, field, fields
from typing import Any

from marketdata.simulator.http.messages import ApiError

_LONGEST_HANG_S = 120.0


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with an answer, for which share of the requests, where."""

    latency_ms: float = 0.0
    status: int = 0
    hang: bool = False
    rate: float = 1.0
    path: str = ""

    def delay_s(self) -> float:
        return _LONGEST_HANG_S if self.hang else min(self.latency_ms / 1000, 120.0)


@dataclass(slots=True)
class Faults:
    """The fault in force, and how many requests it met."""

    current: Fault = field(default_factory=Fault)
    met: int = 0

    def set(self, values: dict[str, Any]) -> Fault:
        known = {item.name for item in fields(Fault)}
        if unknown := set(values) - known:
            raise ApiError(f"Unknown fault: {', '.join(sorted(unknown))}")
        try:
            self.current = Fault(
                latency_ms=float(values.get("latency_ms", 0)),
                status=int(values.get("status", 0)),
                hang=bool(values.get("hang", False)),
                rate=float(values.get("rate", 1.0)),
                path=str(values.get("path", "")),
            )
        except (TypeError, ValueError) as error:
            raise ApiError(f"Invalid fault: {error}") from error
        return self.current

    def drawn(self, path: str) -> Fault | None:
        """Return the fault that this request meets, if any."""
        fault = self.current
        is_set = fault.latency_ms or fault.status or fault.hang
        if not is_set or not path.startswith(fault.path):
            return None
        if random.random() >= fault.rate:
            return None
        self.met += 1
        return fault
