"""Staff's side of accounts; each module registers its own models."""

from accounts.admin import log_ins, people

__all__ = ["log_ins", "people"]
