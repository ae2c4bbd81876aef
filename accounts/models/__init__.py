"""Who trades, on which desk and account, and with which keys."""

from accounts.models.attempts import LogInAttempt
from accounts.models.audit import AuditAnchor, AuditEntry, RefusalCount
from accounts.models.connections import BrokerConnection
from accounts.models.desks import Desk, TradingAccount
from accounts.models.keys import ApiKey
from accounts.models.memberships import Membership
from accounts.models.users import User

__all__ = [
    "ApiKey",
    "AuditAnchor",
    "AuditEntry",
    "BrokerConnection",
    "Desk",
    "LogInAttempt",
    "Membership",
    "RefusalCount",
    "TradingAccount",
    "User",
]
