"""Staff's side of accounts; each module registers its own models."""

from accounts.admin import audit, connections, people

__all__ = ["audit", "connections", "people"]
