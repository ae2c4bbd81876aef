"""The credentials with which an account reaches its broker, sealed."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NoReturn

from django.db import models
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts import vault
from accounts.models.desks import TradingAccount
from accounts.principals import Principal
from accounts.roles import Action


class ConnectionInactive(vault.VaultError):
    """Staff switched the connection off: its credentials are for nobody."""


class Credentials(Mapping[str, str]):
    """What a broker wants to see, for an adapter to use and for nothing to show."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<Credentials: {', '.join(sorted(self._values)) or 'none'}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("Credentials are neither pickled nor copied.")


class BrokerConnectionQuerySet(models.QuerySet["BrokerConnection"]):
    """Connections, as those who manage them may see them."""

    def for_subject(self, principal: Principal | None) -> BrokerConnectionQuerySet:
        """Return the connections that ``principal`` manages; none by default."""
        accounts = TradingAccount.objects.for_subject(
            principal, Action.MANAGE_CONNECTION
        )
        return self.filter(account__in=accounts)


class BrokerConnection(models.Model):
    """How an account reaches its broker; what it shows there is sealed."""

    # Made before the row is, so that the seal can be bound to it.
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.OneToOneField(
        TradingAccount, on_delete=models.PROTECT, related_name="connection"
    )
    broker = models.CharField(max_length=16, choices=TradingAccount.Broker)
    sealed = models.BinaryField(editable=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    sealed_at = models.DateTimeField(editable=False)

    objects = BrokerConnectionQuerySet.as_manager()

    class Meta:
        ordering = ["account"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(broker__in=["paper", "ticker", "kite"]),
                name="connection_broker_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account} at {self.get_broker_display()}"

    @property
    def bound_to(self) -> str:
        """Return what the seal names: an envelope opens for this row alone."""
        return f"broker_connection:{self.pk}:account:{self.account_id}:{self.broker}"

    @sensitive_variables()
    def keep(self, values: Mapping[str, str], *, now: datetime) -> None:
        """Seal ``values`` in the place of what was there; saving is the caller's."""
        text = json.dumps(dict(values))
        self.sealed = vault.seal(text.encode(), bound_to=self.bound_to)
        self.sealed_at = now

    @sensitive_variables()
    def credentials(self) -> Credentials:
        """Open the credentials: for adapters in ``accounts.brokers`` alone.

        Raises VaultError when the envelope is not this row's, or its key is gone,
        and ConnectionInactive when staff switched it off.
        """
        if not self.is_active:
            raise ConnectionInactive("This connection is switched off.")
        text = vault.unseal(bytes(self.sealed), bound_to=self.bound_to)
        return Credentials(json.loads(text))

    @property
    def key_id(self) -> str:
        """Return which master key sealed this; nothing of it."""
        return vault.key_id_of(bytes(self.sealed))
