"""Desks and the broker accounts they trade with."""

from __future__ import annotations

from collections.abc import Collection

from django.db import models
from django.utils import timezone

from accounts.principals import Principal
from accounts.roles import SCOPES, Action, roles_for

_MEMBER = ("memberships__user_id", "pk")


class DeskQuerySet(models.QuerySet["Desk"]):
    """Desks, as their members may see them."""

    def for_subject(
        self, principal: Principal | None, action: Action = Action.READ
    ) -> DeskQuerySet:
        """Return the desks of which ``principal`` may do ``action``; none by default.

        A key that is narrowed to some accounts speaks for no whole desk.
        """
        if principal is None or not principal.may(SCOPES[action]):
            return self.none()
        if action != Action.READ and not principal.all_accounts:
            return self.none()
        return self.filter(
            pk__in=Desk.objects.filter(
                _membership("", principal, roles_for(action))
            ).values("pk")
        )


class Desk(models.Model):
    """A group of people that trades a set of accounts."""

    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=100)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = DeskQuerySet.as_manager()

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.name


def _membership(via: str, principal: Principal, roles: Collection[str]) -> models.Q:
    membership = models.Q((f"{via}memberships__user_id", principal.user_id))
    if roles:
        membership &= models.Q((f"{via}memberships__role__in", roles))
    return membership


class TradingAccountQuerySet(models.QuerySet["TradingAccount"]):
    """Accounts; ``for_subject`` is the only road to them outside the admin."""

    def for_subject(
        self,
        principal: Principal | None,
        action: Action = Action.READ,
        *,
        roles: Collection[str] = (),
    ) -> TradingAccountQuerySet:
        """Return what ``principal`` may do ``action`` with, narrowed by its key.

        ``roles`` keeps only accounts on which the subject has one of them.
        """
        roles = roles_for(action).intersection(roles or roles_for(action))
        if principal is None or not principal.may(SCOPES[action]):
            return self.none()
        # A subquery, not DISTINCT: callers may lock the rows they get.
        accounts = self.filter(
            pk__in=TradingAccount.objects.filter(
                _membership("", principal, roles)
                | _membership("desk__", principal, roles)
            ).values("pk")
        )
        if principal.all_accounts:
            return accounts
        return accounts.filter(api_keys__public_id=principal.key_id)

    def readable(
        self, pairs: Collection[tuple[Principal, int]]
    ) -> set[tuple[Principal, int]]:
        """Return those (principal, account id) that ``for_subject`` lets read.

        For who asks all the time and for many at once: four queries for all.
        """
        scope = SCOPES[Action.READ]
        asked = {(who, pk) for who, pk in pairs if who.may(scope)}
        desks = dict(
            self.filter(pk__in={pk for _, pk in asked}).values_list("pk", "desk_id")
        )
        members = _members({who.user_id for who, _ in asked})
        named = _named_by({who.key_id for who, _ in asked if not who.all_accounts})
        return {
            (who, pk)
            for who, pk in asked
            if pk in desks
            and members & {(who.user_id, pk, None), (who.user_id, None, desks[pk])}
            and (who.all_accounts or (who.key_id, pk) in named)
        }


def _members(user_ids: Collection[int]) -> set[tuple[int, int | None, int | None]]:
    """Return (user, account, desk) of the memberships that let read."""
    members = {
        "memberships__user_id__in": user_ids,
        "memberships__role__in": roles_for(Action.READ),
    }
    accounts = TradingAccount.objects.filter(**members)
    desks = Desk.objects.filter(**members)
    return {
        *((who, pk, None) for who, pk in accounts.values_list(*_MEMBER)),
        *((who, None, pk) for who, pk in desks.values_list(*_MEMBER)),
    }


def _named_by(key_ids: Collection[str | None]) -> set[tuple[str | None, int]]:
    """Return (key, account) of what keys are narrowed to."""
    rows = TradingAccount.objects.filter(api_keys__public_id__in=key_ids)
    return set(rows.values_list("api_keys__public_id", "pk"))


class TradingAccount(models.Model):
    """An account at a broker, known to the outside by its slug only."""

    class Broker(models.TextChoices):
        """Where the orders of an account go."""

        PAPER = "paper", "Paper"
        TICKER = "ticker", "Ticker service"
        KITE = "kite", "Kite Connect"

    class Status(models.TextChoices):
        """Whether an account may trade."""

        ACTIVE = "active", "Active"
        SUSPENDED = "suspended", "Suspended"
        CLOSED = "closed", "Closed"

    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=100)
    desk = models.ForeignKey(Desk, on_delete=models.PROTECT, related_name="accounts")
    broker = models.CharField(max_length=16, choices=Broker)
    broker_client_id = models.CharField(max_length=32)
    status = models.CharField(max_length=16, choices=Status, default=Status.ACTIVE)
    is_paper = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects = TradingAccountQuerySet.as_manager()

    class Meta:
        ordering = ["slug"]
        constraints = [
            models.UniqueConstraint(
                fields=["broker", "broker_client_id"], name="account_broker_client_once"
            ),
            models.CheckConstraint(
                condition=models.Q(broker__in=["paper", "ticker", "kite"]),
                name="account_broker_known",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=["active", "suspended", "closed"]),
                name="account_status_known",
            ),
            models.CheckConstraint(
                condition=~models.Q(broker="paper") | models.Q(is_paper=True),
                name="account_paper_broker_is_paper",
                violation_error_message="An account of the paper broker is paper.",
            ),
        ]

    def __str__(self) -> str:
        return self.name
