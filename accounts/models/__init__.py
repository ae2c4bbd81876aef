"""Who trades, on which desk and account, and with which keys."""

from accounts.models.attempts import LogInAttempt
from accounts.models.desks import Desk, TradingAccount
from accounts.models.keys import ApiKey
from accounts.models.memberships import Membership
from accounts.models.second_factors import RecoveryCode, SecondFactor
from accounts.models.sessions import Session
from accounts.models.tickets import Ticket
from accounts.models.tokens import RefreshToken, SigningKey, TokenFamily
from accounts.models.users import User

__all__ = [
    "ApiKey",
    "Desk",
    "LogInAttempt",
    "Membership",
    "RecoveryCode",
    "RefreshToken",
    "SecondFactor",
    "Session",
    "SigningKey",
    "Ticket",
    "TokenFamily",
    "TradingAccount",
    "User",
]
