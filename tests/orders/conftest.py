"""The account of the orders' tests, and a broker that is really asked over HTTP."""

from tests.accounts.conftest import account, alice, paper

__all__ = ["account", "alice", "paper"]
