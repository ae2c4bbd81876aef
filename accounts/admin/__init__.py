"""Staff's side of accounts; each module registers its own models."""

from accounts.admin import audit, connections, log_ins, people, portfolio

__all__ = ["audit", "connections", "log_ins", "people", "portfolio"]
