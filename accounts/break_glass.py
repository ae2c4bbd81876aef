"""The account for the day when nobody else gets in: sealed, opened for an hour, loud.

Whoever has a shell on the server opens it with a reason. It gets a password and a
second factor that nobody had before, the audit and the log are told, and after
``OPEN_FOR`` (or earlier, by hand) it is sealed again, which ends its log-ins.
"""

import base64
import logging
import os
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction

from accounts import audit, second_factor
from accounts.models import SecondFactor, User

logger = logging.getLogger(__name__)

USERNAME = "break-glass"
OPEN_FOR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Opened:
    """How to get in, shown this once."""

    username: str
    password: str = field(repr=False)
    totp_secret: str = field(repr=False)
    until: datetime


@transaction.atomic
def unseal(*, reason: str, now: datetime) -> Opened:
    """Open the account for an hour; ValueError without a reason."""
    if not reason.strip():
        raise ValueError("Say why the account is opened.")
    user, _ = User.objects.get_or_create(username=USERNAME)
    password = secrets.token_urlsafe(18)
    secret = base64.b32encode(os.urandom(20)).decode()
    user.is_active = user.is_staff = user.is_superuser = True
    user.set_password(password)
    user.save()
    second_factor.enrol(user, secret, now=now)
    until = now + OPEN_FOR
    audit.record(
        "break_glass.opened",
        target=f"User {user.pk} ({user})",
        change=audit.Change(after={"reason": reason, "until": until.isoformat()}),
    )
    logger.critical("The break-glass account is open until %s: %s", until, reason)
    return Opened(USERNAME, password, secret, until)


@transaction.atomic
def seal(*, now: datetime, is_due_only: bool = False) -> bool:
    """Seal the account if it is open, or only if its hour is over; tell whether."""
    rows = User.objects.select_for_update().filter(username=USERNAME, is_active=True)
    if is_due_only:
        rows = rows.filter(second_factor__confirmed_at__lte=now - OPEN_FOR)
    user = rows.first()
    if user is None:
        return False
    user.is_active = user.is_staff = user.is_superuser = False
    user.set_unusable_password()
    user.save()
    SecondFactor.objects.filter(user=user).delete()
    audit.record("break_glass.sealed", target=f"User {user.pk} ({user})")
    logger.critical("The break-glass account is sealed.")
    return True
