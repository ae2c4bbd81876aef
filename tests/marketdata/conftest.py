"""People and instruments that the tests of the market know."""

import pytest
from django.test import Client

from accounts.models import User
from tests.marketdata.builders import make_exchange, make_hours, make_instrument


@pytest.fixture
def asha(client: Client, db: None):
    """The browser of a trader who is logged in."""
    client.force_login(User.objects.create_user("asha", password="asha-example"))
    return client


@pytest.fixture
def acme(db: None):
    """A stock whose market is open from 09:15 to 15:30, Monday to Friday."""
    make_hours(make_exchange("NSE"))
    return make_instrument("ACME")
