"""Staff's side of accounts; each module registers its own models."""

from accounts.admin import audit, connections, people, portfolio

__all__ = ["audit", "connections", "people", "portfolio"]
