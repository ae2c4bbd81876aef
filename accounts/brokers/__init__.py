"""The brokers behind one port: positions, holdings, balances and orders of an account.

    broker = broker_of(account, credentials)
    reported = broker.positions(Deadline(5))

``credentials`` is a plain mapping, as a connection opens it for the time of the call;
what an adapter needs of it stands in the adapter. The paper broker is the ticker
service, which needs none.
"""

from collections.abc import Mapping

from django.conf import settings

from accounts.brokers.calling import Deadline
from accounts.brokers.errors import (
    BrokerBusy,
    BrokerError,
    BrokerLogInNeeded,
    BrokerNeedsHuman,
    BrokerOtherAccount,
    BrokerRefused,
    BrokerTimedOut,
    BrokerUnavailable,
    BrokerUnreadable,
)
from accounts.brokers.kite import KiteBroker
from accounts.brokers.port import Broker
from accounts.brokers.ticker import TickerBroker
from accounts.models import TradingAccount

__all__ = [
    "Broker",
    "BrokerBusy",
    "BrokerError",
    "BrokerLogInNeeded",
    "BrokerNeedsHuman",
    "BrokerOtherAccount",
    "BrokerRefused",
    "BrokerTimedOut",
    "BrokerUnavailable",
    "BrokerUnreadable",
    "Deadline",
    "broker_of",
    "credentials_of",
]


def broker_of(account: TradingAccount, credentials: Mapping[str, str]) -> Broker:
    """Return the adapter of the account's broker; raise ``BrokerNeedsHuman``."""
    if account.broker == TradingAccount.Broker.KITE:
        return KiteBroker(settings.KITE_URL, credentials)
    return TickerBroker(settings.TICKER_URLS, account.broker_client_id)


def credentials_of(account: TradingAccount) -> Mapping[str, str]:
    """Return what opens ``account`` at its broker; nothing where nothing is kept."""
    connection = getattr(account, "connection", None)
    return connection.credentials() if connection is not None else {}
