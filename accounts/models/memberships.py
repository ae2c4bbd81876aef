"""Who may do what, on which desk or on which single account."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.models.desks import Desk, TradingAccount


class Membership(models.Model):
    """A role of a user on a whole desk, or on one account of it."""

    class Role(models.TextChoices):
        """What a member does; each role says nothing about the others."""

        VIEWER = "viewer", "Viewer"
        TRADER = "trader", "Trader"
        RISK = "risk", "Risk"
        BACK_OFFICE = "back_office", "Back office"
        ADMIN = "admin", "Admin"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    desk = models.ForeignKey(
        Desk,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="memberships",
    )
    account = models.ForeignKey(
        TradingAccount,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="memberships",
    )
    role = models.CharField(max_length=16, choices=Role, default=Role.VIEWER)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["user", "desk", "account"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(desk__isnull=False, account__isnull=True)
                | models.Q(desk__isnull=True, account__isnull=False),
                name="membership_desk_xor_account",
                violation_error_message="Choose a desk or an account, not both.",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    role__in=["viewer", "trader", "risk", "back_office", "admin"]
                ),
                name="membership_role_known",
            ),
            models.UniqueConstraint(
                fields=["user", "desk"], name="membership_user_desk_once"
            ),
            models.UniqueConstraint(
                fields=["user", "account"], name="membership_user_account_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_role_display()} of {self.desk or self.account}"
