"""The plumbing as staff see it: to read, and to give dead letters a new life."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.utils import label_for_field, lookup_field
from django.db import models, transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
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

from accounts import audit
from tradingsite import outbox
from tradingsite.auditing import AuditedAdmin, tell
from tradingsite.export import csv_answer
from tradingsite.models import (
    Claim,
    IdempotencyKey,
    JournalEntry,
    JournalStream,
    OutboxMessage,
    Process,
    ScheduledRun,
)
from tradingsite.paging import BoundedPaginator

MOST_EXPORTED = 50_000


@admin.action(description="Export the chosen rows as CSV", permissions=["view"])
def export_csv(
    model_admin: ModelAdmin, request: HttpRequest, rows: models.QuerySet[Any]
) -> HttpResponseBase:
    """Download the columns of the list for the chosen rows, as far as one may see."""
    options = rows.model._meta
    columns = [
        name
        for name in model_admin.get_list_display(request)
        if name != "action_checkbox"
    ]
    header = [str(label_for_field(name, rows.model, model_admin)) for name in columns]
    audit.record("admin.exported", source=request, target=options.label)
    cells = (
        [lookup_field(name, row, model_admin)[2] for name in columns]
        for row in rows[:MOST_EXPORTED].iterator(chunk_size=1000)
    )
    return csv_answer(str(options.model_name), header, cells)


admin.site.add_action(export_csv, "export_csv")


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


class TopicFilter(admin.SimpleListFilter):
    """The topics that have a handler: asking the table itself would read all of it."""

    title = "topic"
    parameter_name = "topic"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(topic, topic) for topic in sorted(settings.OUTBOX_HANDLERS)]

    def queryset(
        self, request: HttpRequest, queryset: models.QuerySet[Any]
    ) -> models.QuerySet[Any]:
        return queryset.filter(topic=self.value()) if self.value() else queryset


@admin.register(OutboxMessage)
class OutboxMessageAdmin(ReadOnlyAdmin):
    """Side effects: what waits, what was done, what died and why."""

    list_display = ["id", "topic", "shard", "status", "attempts", "due_at", "error"]
    list_filter = ["status", TopicFilter]
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
