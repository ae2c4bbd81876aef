"""Fixtures that tests of several apps share: few, and named like what they are."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pytest_django import DjangoDbBlocker

from accounts.session_store import PROVEN
from tests.database import flush_again_after_deadlocks

# How long an example takes to make or to run tells of the machine, not of the code.
hypothesis_settings.register_profile(
    "tests", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("tests")


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """Let tests with real transactions empty the tables; the audit's refuse that.

    The test that they do arms the trigger again.
    """
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        for table in ("accounts_auditentry", "accounts_auditanchor"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {table}_never_emptied")
    with pytest.MonkeyPatch.context() as patch:
        flush_again_after_deadlocks(patch)
        yield


@pytest.fixture(autouse=True)
def forced_log_ins_show_a_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``client.force_login`` count as a log-in with a second factor.

    Only here: no setting and no door of the product does it. A test that wants a
    password alone has ``log_in_without_second_factor``.
    """
    force_login = Client.force_login

    def force_log_in_with_a_code(
        client: Client, user: Any, backend: str | None = None
    ) -> None:
        force_login(client, user, backend)
        session = client.session
        session[PROVEN] = timezone.now().isoformat()
        session.save()

    monkeypatch.setattr(Client, "force_login", force_log_in_with_a_code)
