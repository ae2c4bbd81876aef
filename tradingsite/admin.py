"""The plumbing as staff see it: to read, and to give dead letters a new life."""

from typing import Any

from django.contrib import admin
from django.db import models, transaction
from django.http import HttpRequest
from django_celery_beat import admin as beat_admin
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from tradingsite import outbox
from tradingsite.auditing import AuditedAdmin, tell
from tradingsite.models import (
    Claim,
    IdempotencyKey,
    JournalEntry,
    JournalStream,
    OutboxMessage,
    Process,
    ScheduledRun,
)
from tradingsite.pages import BoundedPaginator


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc]
    """Rows that only the product writes: staff search and look."""

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        return False


@admin.register(OutboxMessage)
class OutboxMessageAdmin(ReadOnlyAdmin):
    """Side effects: what waits, what was done, what died and why."""

    list_display = ["id", "topic", "shard", "status", "attempts", "due_at", "error"]
    list_filter = ["status", "topic"]
    search_fields = ["=shard", "=key", "=correlation_id"]
    actions = ["retry"]

    @admin.display(description="last error")
    def error(self, message: OutboxMessage) -> str:
        return message.last_error[:80]

    @admin.action(description="Try dead letters again", permissions=["retry"])
    def retry(
        self, request: HttpRequest, messages: models.QuerySet[OutboxMessage]
    ) -> None:
        with transaction.atomic():
            revived = outbox.retry(messages)
            tell(
                "outbox.retried",
                source=request,
                target="Outbox",
                after={"messages": revived},
            )
        self.message_user(request, f"{revived} dead letters will be tried again.")

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("tradingsite.change_outboxmessage")


@admin.register(JournalStream)
class JournalStreamAdmin(ReadOnlyAdmin):
    """Streams that lose nothing, and where each stands."""

    list_display = ["name", "epoch", "first_seq", "last_seq"]
    search_fields = ["name"]


@admin.register(JournalEntry)
class JournalEntryAdmin(ReadOnlyAdmin):
    """The events of the streams."""

    list_display = ["id", "stream_id", "seq", "created_at"]
    search_fields = ["=stream__name"]
    ordering = ["-id"]


@admin.register(Claim)
class ClaimAdmin(ReadOnlyAdmin):
    """Who holds what, until when."""

    list_display = ["name", "owner", "token", "acquired_at", "expires_at"]
    search_fields = ["name", "owner"]


@admin.register(ScheduledRun)
class ScheduledRunAdmin(ReadOnlyAdmin):
    """The due times of the jobs that were taken."""

    list_display = ["job", "due_at", "taken_at"]
    search_fields = ["=job"]


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin):
    """The commands that were carried out; their answers are not shown."""

    list_display = ["id", "principal", "route", "key", "status", "created_at"]
    list_filter = ["status"]
    search_fields = ["=key", "=principal"]
    exclude = ["body", "request_hash", "headers"]


@admin.register(Process)
class ProcessAdmin(ReadOnlyAdmin):
    """What runs this site, and how it is doing."""

    list_display = ["name", "kind", "status", "pid", "restarts", "last_seen_at"]
    list_filter = ["status", "kind"]
    search_fields = ["name"]


# --- the schedule: django_celery_beat's own pages in the look of the others --------

for schedule in (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
):
    admin.site.unregister(schedule)


class TaskSelect(UnfoldAdminSelectWidget, beat_admin.TaskSelectWidget):  # type: ignore[misc]
    """The registered tasks to choose from."""


class PeriodicTaskForm(beat_admin.PeriodicTaskForm):  # type: ignore[misc]
    """What runs, and when."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskSelect()


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(AuditedAdmin, beat_admin.PeriodicTaskAdmin, ModelAdmin):  # type: ignore[misc]
    """What runs by itself, and whether it does."""

    form = PeriodicTaskForm


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(AuditedAdmin, beat_admin.IntervalScheduleAdmin, ModelAdmin):  # type: ignore[misc]
    """Every so often."""


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(AuditedAdmin, beat_admin.CrontabScheduleAdmin, ModelAdmin):  # type: ignore[misc]
    """At times of the day."""
