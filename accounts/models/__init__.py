"""Who trades, on which desk and account, and with which keys."""

from accounts.models.attempts import LogInAttempt
from accounts.models.audit import AuditAnchor, AuditEntry, RefusalCount
from accounts.models.balances import Balance
from accounts.models.connections import BrokerConnection
from accounts.models.desks import Desk, TradingAccount
from accounts.models.holdings import Holding
from accounts.models.keys import ApiKey
from accounts.models.memberships import Membership
from accounts.models.positions import Position, PositionChange
from accounts.models.second_factors import RecoveryCode, SecondFactor
from accounts.models.sessions import Session
from accounts.models.snapshots import AccountSnapshot
from accounts.models.sync import AccountSync
from accounts.models.tickets import Ticket
from accounts.models.tokens import RefreshToken, SigningKey, TokenFamily
from accounts.models.users import User

__all__ = [
    "AccountSnapshot",
    "AccountSync",
    "ApiKey",
    "AuditAnchor",
    "AuditEntry",
    "Balance",
    "BrokerConnection",
    "Desk",
    "Holding",
    "LogInAttempt",
    "Membership",
    "Position",
    "PositionChange",
    "RecoveryCode",
    "RefreshToken",
    "RefusalCount",
    "SecondFactor",
    "Session",
    "SigningKey",
    "Ticket",
    "TokenFamily",
    "TradingAccount",
    "User",
]
