"""The account for emergencies: shut, opened loudly, shut again."""

import logging
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import break_glass
from accounts.models import AuditEntry, User
from tests.accounts.builders import code_of

pytestmark = pytest.mark.django_db


def log_in(client: Client, password: str, secret: str) -> int:
    name = {"username": break_glass.USERNAME, "password": password}
    client.post(reverse("login"), name)
    client.post(reverse("login-code"), {"code": code_of(secret)})
    return client.get(reverse("admin:index")).status_code


def test_it_lets_in_for_an_hour_and_then_no_more(client: Client):
    now = timezone.now()
    opened = break_glass.unseal(reason="the operator is ill", now=now)
    assert log_in(client, opened.password, opened.totp_secret) == 200

    almost = now + break_glass.OPEN_FOR - timedelta(seconds=1)
    assert not break_glass.seal(now=almost, is_due_only=True)
    assert client.get(reverse("admin:index")).status_code == 200
    assert break_glass.seal(now=now + break_glass.OPEN_FOR, is_due_only=True)

    assert client.get(reverse("admin:index")).status_code == 302
    assert log_in(Client(), opened.password, opened.totp_secret) == 302
    assert not User.objects.get(username=break_glass.USERNAME).is_superuser


def test_every_opening_has_other_secrets_and_ends_the_one_before(client: Client):
    now = timezone.now()
    first = break_glass.unseal(reason="one", now=now)
    second = break_glass.unseal(reason="two", now=now)

    assert first.password != second.password
    assert log_in(client, first.password, first.totp_secret) == 302
    assert log_in(Client(), second.password, second.totp_secret) == 200


def test_the_audit_and_the_log_are_told_and_no_secret(
    caplog: pytest.LogCaptureFixture,
):
    with caplog.at_level(logging.CRITICAL):
        opened = break_glass.unseal(reason="fire", now=timezone.now())
        break_glass.seal(now=timezone.now())

    entries = AuditEntry.objects.filter(action__startswith="break_glass.")
    told = list(entries.order_by("id").values_list("action", "after__reason"))
    assert told == [("break_glass.opened", "fire"), ("break_glass.sealed", None)]
    assert len(caplog.records) == 2
    assert opened.password not in caplog.text + repr(opened)
    assert opened.totp_secret not in caplog.text + repr(opened)


@pytest.mark.parametrize("reason", ["", "  "])
def test_without_a_reason_it_stays_shut(reason: str):
    with pytest.raises(CommandError, match="why"):
        call_command("break_glass", f"--reason={reason}")

    assert not User.objects.filter(username=break_glass.USERNAME).exists()


def test_the_command_says_whether_it_was_open(capsys: pytest.CaptureFixture[str]):
    call_command("break_glass", "--reason", "drill")
    call_command("break_glass", "--seal")
    call_command("break_glass", "--seal")

    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("break-glass / ")
    assert said[1:] == ["Sealed.", "It was not open."]
