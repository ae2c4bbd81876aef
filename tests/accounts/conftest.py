"""The people of the accounts' tests."""

import pytest

from accounts.models import TradingAccount, User
from tests.accounts.builders import make_account, make_user


@pytest.fixture
def alice(db: None) -> User:
    return make_user("alice")


@pytest.fixture
def account(db: None) -> TradingAccount:
    return make_account()
