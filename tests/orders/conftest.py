"""The account of the orders' tests, and a broker that is really asked over HTTP."""

from tests.accounts.conftest import account, alice, key, paper, site

__all__ = ["account", "alice", "key", "paper", "site"]
