"""API keys: what a program shows instead of a password."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from accounts import credentials
from accounts.models.desks import TradingAccount
from accounts.principals import Principal, Scope

LONGEST_LIFE = timedelta(days=90)
# A key that trades comes from a host or a small network: a /24, or a /64 of IPv6.
WIDEST_BITS = {4: 8, 6: 64}
USE_RECORDED_EVERY = timedelta(minutes=1)


def validate_network(value: str) -> None:
    """Refuse what is not an address or a network, such as 203.0.113.0/24."""
    try:
        ip_network(value)
    except ValueError as error:
        raise ValidationError(
            "%(value)s is not an address or a network.", params={"value": value}
        ) from error


def check_networks(scopes: Collection[str], networks: Collection[str]) -> None:
    """Refuse a key that trades and does not say, narrowly, where it is used."""
    if Scope.TRADE not in scopes:
        return
    if not networks:
        raise ValidationError("A key that trades names where it is used.")
    for network in map(ip_network, networks):
        if network.num_addresses.bit_length() - 1 > WIDEST_BITS[network.version]:
            raise ValidationError(
                "%(network)s is too wide for a key that trades.",
                params={"network": str(network)},
            )


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    """Keys: making them, finding them, and whose they are."""

    def for_subject(self, principal: Principal | None) -> ApiKeyQuerySet:
        """Return the keys of ``principal``: one's own, and never by a key."""
        if principal is None or principal.kind == "api_key":
            return self.none()
        return self.filter(user_id=principal.user_id)

    def issue(  # noqa: PLR0913 # each is a choice of who makes the key
        self,
        *,
        user_id: int,
        name: str,
        scopes: Iterable[str],
        now: datetime,
        life: timedelta = LONGEST_LIFE,
        all_accounts: bool = False,
        allowed_networks: Iterable[str] = (),
        accounts: Iterable[TradingAccount] = (),
    ) -> ApiKey:
        """Make a key; ``text`` is there this once and kept nowhere."""
        key = ApiKey(
            user_id=user_id,
            name=name,
            scopes=sorted(set(scopes)),
            created_at=now,
            expires_at=now + life,
            all_accounts=all_accounts,
            allowed_networks=list(allowed_networks),
        )
        key.take_secret()
        key.save()
        key.accounts.set(accounts)
        return key

    def with_id(self, public_id: str) -> ApiKey | None:
        """Return the key and its user in one indexed query."""
        return self.select_related("user").filter(public_id=public_id).first()

    def revoke(self, now: datetime) -> int:
        return self.filter(revoked_at__isnull=True).update(revoked_at=now)


class ApiKey(models.Model):
    """A key of a user: its public id and the hash of its secret, never the secret."""

    public_id = models.CharField(max_length=8, unique=True, editable=False)
    secret_hash = models.CharField(max_length=64, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys"
    )
    name = models.CharField(max_length=100)
    scopes = ArrayField(
        models.CharField(max_length=20, choices=[(s, s) for s in Scope])
    )
    all_accounts = models.BooleanField(
        default=False, help_text="Every account of its user, now and later."
    )
    accounts = models.ManyToManyField(
        TradingAccount, blank=True, related_name="api_keys"
    )
    allowed_networks = ArrayField(
        models.CharField(max_length=43, validators=[validate_network]),
        default=list,
        blank=True,
        help_text="Addresses or networks it may be used from; empty means any.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    # The key itself, on the instance that was just made and nowhere else.
    text: str = ""

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "public_id"]
        verbose_name = "API key"
        verbose_name_plural = "API keys"
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
                name="api_key_scopes_known",
            ),
            models.CheckConstraint(
                condition=models.Q(expires_at__gt=models.F("created_at"))
                & models.Q(expires_at__lte=models.F("created_at") + LONGEST_LIFE),
                name="api_key_lives_at_most_90_days",
                violation_error_message="A key lives at most 90 days.",
            ),
            models.CheckConstraint(
                condition=models.Q(("secret_hash__regex", "^[0-9a-f]{64}$")),
                name="api_key_secret_is_hashed",
            ),
            models.CheckConstraint(
                condition=models.Q(revoked_at__isnull=False)
                | ~models.Q(scopes__contains=["trade"])
                | models.Q(allowed_networks__len__gt=0),
                name="api_key_that_trades_has_an_allow_list",
                violation_error_message="A key that trades names where it is used.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({credentials.PREFIX}{self.public_id}…)"

    def take_secret(self) -> None:
        """Give a key that is being made its id, its secret and, for now, its text."""
        made = credentials.make()
        self.public_id, self.secret_hash = made.public_id, made.secret_hash
        self.text = str(made)

    @property
    def state(self) -> str:
        """Return active, expired or revoked, as of now."""
        if self.revoked_at is not None:
            return "revoked"
        return "active" if timezone.now() < self.expires_at else "expired"

    def is_usable(self, *, now: datetime, address: str) -> bool:
        """Tell whether this key may be used now from ``address``."""
        return (
            self.revoked_at is None
            and now < self.expires_at
            and self.user.is_active
            and self.admits(address)
        )

    def admits(self, address: str) -> bool:
        """Tell whether ``address`` stands on the allow-list; an odd one never does."""
        if not self.allowed_networks:
            return True
        try:
            host = ip_address(address)
        except ValueError:
            return False
        if isinstance(host, IPv6Address) and host.ipv4_mapped:
            host = host.ipv4_mapped
        return any(host in ip_network(network) for network in self.allowed_networks)

    def used(self, now: datetime) -> None:
        """Record the use, at most once a minute: reading must not become writing."""
        since = now - USE_RECORDED_EVERY
        if self.last_used_at is not None and self.last_used_at > since:
            return
        ApiKey.objects.filter(pk=self.pk).exclude(last_used_at__gt=since).update(
            last_used_at=now
        )

    def principal(self) -> Principal:
        scopes = frozenset(self.scopes)
        return Principal(
            user_id=self.user_id,
            username=self.user.get_username(),
            kind="api_key",
            key_id=self.public_id,
            scopes=scopes,
            is_staff=self.user.is_staff and Scope.ADMIN in scopes,
            all_accounts=self.all_accounts,
            proof_id=self.public_id,
        )
