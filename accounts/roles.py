"""Which role may do what: the one table that code, docs and tests read.

A membership gives its role on a desk or on an account; what a subject may do there
is the union of its roles there. Whatever is not in the table is denied.
"""

from collections.abc import Mapping
from enum import StrEnum

from accounts.principals import Scope


class Action(StrEnum):
    """What somebody may do with an account or a desk."""

    READ = "read"
    SYNC = "sync"
    TRADE = "trade"
    CANCEL = "cancel"
    SET_LIMITS = "set_limits"
    STOP_TRADING = "stop_trading"
    IMPORT_STATEMENTS = "import_statements"
    POST_LEDGER = "post_ledger"
    READ_AUDIT = "read_audit"
    EXPORT = "export"
    MANAGE_MEMBERS = "manage_members"
    MANAGE_CONNECTION = "manage_connection"
    MANAGE_ACCOUNT = "manage_account"


_READ = frozenset({Action.READ})
ALLOWED: Mapping[str, frozenset[Action]] = {
    "viewer": _READ,
    "trader": _READ | {Action.SYNC, Action.TRADE, Action.CANCEL},
    "risk": _READ
    | {
        Action.SYNC,
        Action.CANCEL,
        Action.SET_LIMITS,
        Action.STOP_TRADING,
        Action.READ_AUDIT,
        Action.EXPORT,
    },
    "back_office": _READ
    | {
        Action.SYNC,
        Action.IMPORT_STATEMENTS,
        Action.POST_LEDGER,
        Action.READ_AUDIT,
        Action.EXPORT,
    },
    "admin": frozenset(Action)
    - {Action.TRADE, Action.POST_LEDGER, Action.IMPORT_STATEMENTS},
}


# What a key must have been given to be used for an action; memberships decide the rest.
SCOPES: Mapping[Action, Scope] = {
    Action.READ: Scope.READ_ACCOUNTS,
    Action.SYNC: Scope.READ_ACCOUNTS,
    Action.READ_AUDIT: Scope.READ_ACCOUNTS,
    Action.EXPORT: Scope.READ_ACCOUNTS,
    Action.TRADE: Scope.TRADE,
    Action.CANCEL: Scope.TRADE,
    Action.STOP_TRADING: Scope.TRADE,
    Action.SET_LIMITS: Scope.ADMIN,
    Action.IMPORT_STATEMENTS: Scope.ADMIN,
    Action.POST_LEDGER: Scope.ADMIN,
    Action.MANAGE_MEMBERS: Scope.ADMIN,
    Action.MANAGE_CONNECTION: Scope.ADMIN,
    Action.MANAGE_ACCOUNT: Scope.ADMIN,
}


def roles_for(action: Action) -> frozenset[str]:
    """Return the roles that may do ``action``."""
    return frozenset(role for role, actions in ALLOWED.items() if action in actions)
