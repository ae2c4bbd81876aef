"""Staff's side of accounts; each module registers its own models."""

from accounts.admin import people, portfolio

__all__ = ["people", "portfolio"]
