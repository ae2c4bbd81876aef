"""Who trades, on which desk and account, and with which keys."""

from accounts.models.attempts import LogInAttempt
from accounts.models.desks import Desk, TradingAccount
from accounts.models.keys import ApiKey
from accounts.models.memberships import Membership
from accounts.models.users import User

__all__ = [
    "ApiKey",
    "Desk",
    "LogInAttempt",
    "Membership",
    "TradingAccount",
    "User",
]
