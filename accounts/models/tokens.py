"""What a program gets for a log-in: refresh tokens in families, and signing keys."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.utils import timezone

from accounts.principals import Principal, Scope

PRUNED = 100


class SigningKeyQuerySet(models.QuerySet["SigningKey"]):
    """The keys that access tokens are signed with."""

    def signer(self) -> SigningKey | None:
        """Return the key that signs now: the newest."""
        return self.order_by("-created_at", "-pk").first()


class SigningKey(models.Model):
    """An Ed25519 key: the private half sealed, the public half as it is.

    The newest signs; the ones before it verify until they are retired, which is when
    no token of theirs can be alive any more.
    """

    kid = models.CharField(max_length=16, unique=True, editable=False)
    public_key = models.BinaryField(editable=False)
    sealed_private_key = models.BinaryField(editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = SigningKeyQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.kid

    @property
    def bound_to(self) -> str:
        """Return what the seal names: an envelope opens for this key alone."""
        return f"SigningKey {self.kid}"


class TokenFamilyQuerySet(models.QuerySet["TokenFamily"]):
    """Log-ins of programs."""

    def alive(self, now: datetime) -> TokenFamilyQuerySet:
        return self.filter(revoked_at__isnull=True, expires_at__gt=now)

    def for_subject(self, principal: Principal | None) -> TokenFamilyQuerySet:
        """Return one's own; a key has no business with them."""
        if principal is None or principal.kind == "api_key":
            return self.none()
        return self.filter(user_id=principal.user_id)

    def revoke(self, now: datetime, reason: str) -> int:
        return self.filter(revoked_at__isnull=True).update(
            revoked_at=now, revoked_for=reason
        )

    def prune(self, now: datetime) -> int:
        """Delete those that ended a while ago; reuse is told from theft until then."""
        over = self.filter(expires_at__lte=now - settings.TOKEN_FAMILY_KEPT)
        with transaction.atomic():
            old = over.select_for_update(skip_locked=True)
            return self.filter(pk__in=old.values("pk")[:PRUNED]).delete()[0]


class TokenFamily(models.Model):
    """One log-in of a program: all tokens that were ever made from it, together."""

    public_id = models.CharField(max_length=22, unique=True, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="token_families",
        editable=False,
    )
    scopes = ArrayField(
        models.CharField(max_length=20, choices=[(s, s) for s in Scope]),
        editable=False,
    )
    started_at = models.DateTimeField(editable=False)
    expires_at = models.DateTimeField(editable=False, db_index=True)
    last_used_at = models.DateTimeField(editable=False)
    second_factor_at = models.DateTimeField(null=True, editable=False)
    address = models.CharField(max_length=45, blank=True, editable=False)
    agent = models.CharField(max_length=200, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)
    revoked_for = models.CharField(max_length=40, blank=True, editable=False)

    objects = TokenFamilyQuerySet.as_manager()

    class Meta:
        ordering = ["-started_at", "public_id"]
        verbose_name = "token log-in"
        verbose_name_plural = "token log-ins"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    scopes__contained_by=[
                        "read:market",
                        "read:accounts",
                        "trade",
                        "admin",
                    ]
                ),
                name="token_family_scopes_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} since {self.started_at:%d %b %H:%M}"

    def is_alive(self, now: datetime) -> bool:
        return self.revoked_at is None and now < self.expires_at


class RefreshToken(models.Model):
    """A token that is good for one exchange: its id, and the hash of its secret."""

    public_id = models.CharField(max_length=8, unique=True, editable=False)
    secret_hash = models.CharField(max_length=64, editable=False)
    family = models.ForeignKey(
        TokenFamily, on_delete=models.CASCADE, related_name="tokens", editable=False
    )
    made_at = models.DateTimeField(editable=False)
    used_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["-made_at"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(("secret_hash__regex", "^[0-9a-f]{64}$")),
                name="refresh_token_secret_is_hashed",
            )
        ]

    def __str__(self) -> str:
        return f"Refresh token {self.public_id}…"
