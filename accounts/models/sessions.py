"""Who is logged in, from where and since when: the sessions of the pages."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.contrib.sessions.base_session import (
    BaseSessionManager as DjangoSessionManager,
)
from django.db import models, transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from accounts.principals import Principal

PRUNED = 1000


def hashed(session_key: str) -> str:
    """Return what the database knows a session by: a copy of it lets nobody in."""
    return hashlib.sha256(session_key.encode()).hexdigest()


class SessionQuerySet(models.QuerySet["Session"]):
    """Sessions: which still hold, and whose they are."""

    def alive(self, now: datetime) -> SessionQuerySet:
        """Return those that are neither over nor left alone for too long."""
        return self.filter(
            expire_date__gt=now, last_seen_at__gt=now - settings.SESSION_IDLE
        )

    def for_subject(self, principal: Principal | None) -> SessionQuerySet:
        """Return one's own sessions; a key has no business with them."""
        if principal is None or principal.kind == "api_key":
            return self.none()
        return self.filter(user_id=principal.user_id)

    def seen(self, pk: str, now: datetime) -> None:
        """Note that a session is in use; only the latest moment counts."""
        self.filter(pk=pk, last_seen_at__lt=now).update(last_seen_at=now)

    def prune(self, now: datetime) -> int:
        """Delete a batch of those that are over; two that do it never wait."""
        is_left = models.Q(last_seen_at__lte=now - settings.SESSION_IDLE)
        over = self.filter(models.Q(expire_date__lte=now) | is_left)
        with transaction.atomic():
            old = over.select_for_update(skip_locked=True, of=("self",))
            return self.filter(pk__in=old.values("pk")[:PRUNED]).delete()[0]


class SessionManager(DjangoSessionManager.from_queryset(SessionQuerySet)):  # type: ignore[misc]
    """Sessions as Django's own commands ask for them."""


class Session(AbstractBaseSession):
    """A browser that somebody logged in with; to end it is to delete it.

    The key in the cookie is nowhere: ``session_key`` is its hash. ``public_id`` names
    a session where people see it. ``second_factor_at`` is when a code was last shown.
    """

    session_key = models.CharField(max_length=64, primary_key=True)
    public_id = models.CharField(max_length=22, unique=True, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="sessions",
        null=True,
        editable=False,
    )
    started_at = models.DateTimeField(editable=False)
    last_seen_at = models.DateTimeField(editable=False, db_index=True)
    second_factor_at = models.DateTimeField(null=True, editable=False)
    address = models.CharField(max_length=45, blank=True, editable=False)
    agent = models.CharField(max_length=200, blank=True, editable=False)

    objects: ClassVar[Any] = SessionManager()

    class Meta:
        ordering = ["-last_seen_at", "public_id"]

    def __str__(self) -> str:
        return f"{self.user or 'nobody'} from {self.address or 'somewhere'}"

    @classmethod
    def get_session_store_class(cls) -> type:
        store: type = import_string(f"{settings.SESSION_ENGINE}.SessionStore")
        return store

    @property
    def is_alive(self) -> bool:
        now = timezone.now()
        return (
            self.expire_date > now and self.last_seen_at > now - settings.SESSION_IDLE
        )
