"""The people of the accounts' tests."""

from collections.abc import Iterator
from typing import Any

import pytest

from accounts.models import TradingAccount, User
from tests.accounts.broker_server import BrokerServer, broker_server
from tests.accounts.builders import make_account, make_user


@pytest.fixture
def alice(db: None) -> User:
    return make_user("alice")


@pytest.fixture
def account(db: None) -> TradingAccount:
    return make_account()


@pytest.fixture
def paper(settings: Any) -> Iterator[BrokerServer]:
    """The ticker service of the settings: a server that says what a test wants."""
    with broker_server() as server:
        settings.TICKER_URLS = [server.url]
        yield server
