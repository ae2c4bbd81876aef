"""The people of the accounts' tests."""

from collections.abc import Iterator
from typing import Any

import pytest

from accounts.models import ApiKey, TradingAccount, User
from accounts.principals import Scope
from tests.accounts.broker_server import BrokerServer, broker_server
from tests.accounts.builders import join, make_account, make_key, make_user
from tests.sockets import Site, running_site


@pytest.fixture
def alice(db: None) -> User:
    return make_user("alice")


@pytest.fixture
def account(db: None) -> TradingAccount:
    return make_account()


@pytest.fixture
def key(account: TradingAccount) -> ApiKey:
    """The key of a member of the account, which may read accounts and no more."""
    reader = make_user()
    join(reader, account)
    return make_key(reader, scopes=[Scope.READ_ACCOUNTS], all_accounts=True)


@pytest.fixture(scope="module")
def site(django_db_setup: None) -> Iterator[Site]:
    """A web process for the sockets of a whole module."""
    with running_site() as running:
        yield running


@pytest.fixture
def paper(settings: Any) -> Iterator[BrokerServer]:
    """The ticker service of the settings: a server that says what a test wants."""
    with broker_server() as server:
        settings.TICKER_URLS = [server.url]
        yield server
