"""Processes: what runs this site, and how each of them is doing."""

import os
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.expressions import CombinedExpression
from django.utils import timezone

SUPERVISED_FIELDS = [
    "kind",
    "pid",
    "status",
    "started_at",
    "last_seen_at",
    "restarts",
    "last_exit_code",
    "next_start_at",
]


class ProcessQuerySet(models.QuerySet["Process"]):
    """What the supervisor and the processes themselves write down."""

    def seen(self, name: str, **detail: Any) -> None:
        """Note that the process ``name`` says it is well; merge ``detail``."""
        if not name:
            return
        now = timezone.now()
        known = self.filter(name=name).update(
            last_seen_at=now,
            reported_at=now,
            detail=CombinedExpression(
                models.F("detail"),
                "||",
                models.Value(detail, output_field=models.JSONField()),
            ),
        )
        if not known:
            self.bulk_create([self._unsupervised(name, detail)], ignore_conflicts=True)

    def record(self, processes: Iterable["Process"]) -> None:
        """Write what the supervisor knows, leaving each one's own words alone."""
        self.bulk_create(
            list(processes),
            update_conflicts=True,
            unique_fields=["name"],
            update_fields=SUPERVISED_FIELDS,
        )

    def _unsupervised(self, name: str, detail: dict[str, Any]) -> "Process":
        """Return the row of a process that was started by hand or by an init system."""
        now = timezone.now()
        return self.model(
            name=name,
            kind=settings.PROCESS_KIND,
            pid=os.getpid(),
            status=Process.Status.RUNNING,
            started_at=now,
            last_seen_at=now,
            reported_at=now,
            detail=detail,
        )


class Process(models.Model):
    """One process of this site as the supervisor, or it itself, last saw it."""

    class Status(models.TextChoices):
        """How a process is doing."""

        STARTING = "starting"
        RUNNING = "running"
        BACKING_OFF = "backing_off"
        FAILED = "failed"
        STOPPED = "stopped"

    name = models.CharField(max_length=60, unique=True)
    kind = models.CharField(max_length=20)
    pid = models.PositiveIntegerField(null=True)
    status = models.CharField(
        max_length=12, choices=Status.choices, default=Status.STARTING
    )
    started_at = models.DateTimeField(null=True)
    last_seen_at = models.DateTimeField(
        default=timezone.now, help_text="When it was last known to be alive."
    )
    reported_at = models.DateTimeField(
        null=True,
        help_text="When it last said so itself: a frozen process is alive but silent.",
    )
    restarts = models.PositiveIntegerField(default=0)
    last_exit_code = models.IntegerField(null=True)
    next_start_at = models.DateTimeField(null=True)
    detail = models.JSONField(default=dict)

    objects = ProcessQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "processes"
        constraints = [
            models.CheckConstraint(
                name="process_status_known",
                condition=models.Q(
                    status__in=[
                        "starting",
                        "running",
                        "backing_off",
                        "failed",
                        "stopped",
                    ]
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.status})"
