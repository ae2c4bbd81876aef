"""The second proof of who somebody is: a code of the minute, or one kept on paper."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils import timezone

RECOVERY_CODES = 10
# Letters and figures that are not taken for one another: 16 of them are 80 bits.
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
_GROUPS, _GROUP = 4, 4


def make_recovery_code() -> str:
    """Return a new code such as ``k3nf-7xqa-p2mz-w9dh``."""
    groups = (
        "".join(secrets.choice(_ALPHABET) for _ in range(_GROUP))
        for _ in range(_GROUPS)
    )
    return "-".join(groups)


def hash_of(code: str) -> str:
    """Return the hash of a code however it was typed; 80 bits need no slow one."""
    plain = "".join(letter for letter in code.lower() if letter.isalnum())
    return hashlib.sha256(plain.encode()).hexdigest()


class SecondFactorQuerySet(models.QuerySet["SecondFactor"]):
    """Second factors: whose, and which count."""

    def confirmed(self) -> SecondFactorQuerySet:
        """Return those whose owner has shown a code of theirs."""
        return self.filter(confirmed_at__isnull=False)

    def spend(self, pk: int, step: int) -> bool:
        """Take the code of ``step``, a count of 30 seconds; False: it was used."""
        return self.filter(pk=pk, last_step__lt=step).update(last_step=step) == 1


class SecondFactor(models.Model):
    """The secret that a person's authenticator makes codes with, sealed.

    A new secret takes the place of the old one when its first code was shown.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="second_factor",
        editable=False,
    )
    sealed_secret = models.BinaryField(default=b"", editable=False)
    # A new one that its owner has still to show a code of.
    sealed_next = models.BinaryField(default=b"", editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    confirmed_at = models.DateTimeField(null=True, editable=False)
    # The newest code that was taken: no code works twice, nor one before it.
    last_step = models.BigIntegerField(default=0, editable=False)

    objects = SecondFactorQuerySet.as_manager()

    class Meta:
        ordering = ["user"]

    def __str__(self) -> str:
        return f"Second factor of {self.user}"

    @property
    def bound_to(self) -> str:
        """Return what the seal names: an envelope opens for this person alone."""
        return f"SecondFactor {self.user_id}"


class RecoveryCodeQuerySet(models.QuerySet["RecoveryCode"]):
    """The codes on paper: made all at once, used one by one."""

    def renew(self, user_id: int) -> list[str]:
        """Put new codes in the place of the old ones; their text is there this once."""
        self.filter(user_id=user_id).delete()
        codes = [make_recovery_code() for _ in range(RECOVERY_CODES)]
        self._keep(user_id, codes)
        return codes

    def _keep(self, user_id: int, codes: Iterable[str]) -> None:
        self.bulk_create(
            RecoveryCode(user_id=user_id, code_hash=hash_of(code)) for code in codes
        )

    def spend(self, user_id: int, code: str, now: datetime) -> bool:
        """Use ``code`` up; False when it is none of theirs or was used before."""
        unused = self.filter(
            user_id=user_id, code_hash=hash_of(code), used_at__isnull=True
        )
        return unused.update(used_at=now) == 1


class RecoveryCode(models.Model):
    """A code for the day the authenticator is lost: its hash, and when it was used."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="recovery_codes",
        editable=False,
    )
    code_hash = models.CharField(max_length=64, editable=False)
    used_at = models.DateTimeField(null=True, editable=False)

    objects = RecoveryCodeQuerySet.as_manager()

    class Meta:
        ordering = ["user", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "code_hash"], name="recovery_code_once"
            )
        ]

    def __str__(self) -> str:
        return f"Recovery code of {self.user}"
