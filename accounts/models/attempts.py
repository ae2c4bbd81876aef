"""How often somebody tried to log in: the count that stops guessing."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import connection, models

WINDOW = timedelta(minutes=15)
# Tries per window. The pair stops a guesser; the wider ones stop many addresses on
# one account, and one address on many accounts, without locking a desk out early.
LIMITS = {"pair": 5, "account": 50, "address": 50}
# Codes: who tries them knows the password already, so the account is locked early.
CODE_LIMITS = {"code account": 5, "code address": 50}

_COUNT_ONE = """
INSERT INTO accounts_loginattempt (key, count, window_started_at)
VALUES (%(key)s, 1, %(now)s)
ON CONFLICT (key) DO UPDATE SET
    count = CASE WHEN accounts_loginattempt.window_started_at <= %(old)s
                 THEN 1 ELSE accounts_loginattempt.count + 1 END,
    window_started_at = CASE WHEN accounts_loginattempt.window_started_at <= %(old)s
                 THEN %(now)s ELSE accounts_loginattempt.window_started_at END
RETURNING count, window_started_at
"""


def _keys(username: str, address: str, kinds: Collection[str]) -> dict[str, str]:
    # Hashed, because people type their password into the wrong field.
    name = username.casefold()
    parts = {
        "pair": f"{name}\0{address}",
        "account": name,
        "address": address,
        "code account": name,
        "code address": address,
    }
    return {
        kind: hashlib.sha256(f"{kind}\0{text}".encode()).hexdigest()
        for kind, text in parts.items()
        if kind in kinds
    }


class LogInAttemptQuerySet(models.QuerySet["LogInAttempt"]):
    """Counting tries exactly, also when they come all at once."""

    def wait(self, *, username: str, address: str, now: datetime) -> timedelta:
        """Count one try *before* the password is looked at; return how long to wait.

        Zero means: go on. Counting first makes the limit exact under parallel tries.
        """
        waits = [
            self._count(key, LIMITS[kind], now)
            for kind, key in _keys(username, address, LIMITS).items()
        ]
        return max(waits)

    def wait_for_code(self, *, username: str, address: str, now: datetime) -> timedelta:
        """Count one try of a code before it is looked at; return how long to wait."""
        waits = [
            self._count(key, CODE_LIMITS[kind], now)
            for kind, key in _keys(username, address, CODE_LIMITS).items()
        ]
        return max(waits)

    def _count(self, key: str, limit: int, now: datetime) -> timedelta:
        with connection.cursor() as cursor:
            cursor.execute(_COUNT_ONE, {"key": key, "now": now, "old": now - WINDOW})
            count, started_at = cursor.fetchone()
        return started_at + WINDOW - now if count > limit else timedelta()

    def forgive(self, *, username: str, address: str, now: datetime) -> None:
        """Forget the tries of somebody who then knew the password, and old ones."""
        keys = _keys(username, address, ["pair", "account"])
        self._forget(keys.values(), now)

    def forgive_codes(self, *, username: str, now: datetime) -> None:
        """Forget the tries of somebody who then showed the right code, and old ones."""
        self._forget(_keys(username, "", ["code account"]).values(), now)

    def _forget(self, keys: Collection[str], now: datetime) -> None:
        is_old = models.Q(window_started_at__lte=now - WINDOW)
        self.filter(models.Q(key__in=list(keys)) | is_old).delete()


class LogInAttempt(models.Model):
    """Tries within one window, by account, by address and by both."""

    key = models.CharField(max_length=64, primary_key=True)
    count = models.PositiveIntegerField()
    window_started_at = models.DateTimeField(db_index=True)

    objects = LogInAttemptQuerySet.as_manager()

    class Meta:
        ordering = ["key"]

    def __str__(self) -> str:
        return f"{self.count} since {self.window_started_at:%H:%M}"
