"""Staff's view of log-ins: who is in, from where, and the way to end it."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin

from accounts import audit
from accounts.admin.scoping import SubjectAdmin
from accounts.admin.step_up import FreshSecondFactorMixin
from accounts.models import SecondFactor, Session, TokenFamily


class LookOnly:
    """Rows that are made by log-ins only, and ended, never edited."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        return False


@admin.register(Session)
class SessionAdmin(LookOnly, FreshSecondFactorMixin, SubjectAdmin):
    """Browsers that are logged in."""

    list_display = [
        "user",
        "address",
        "agent",
        "started_at",
        "last_seen_at",
        "second_factor_at",
    ]
    list_select_related = ["user"]
    list_filter = ["started_at"]
    search_fields = ["user__username", "address"]
    # Neither the hash nor the data: what is kept in a session is its owner's.
    fields = [
        "user",
        "public_id",
        "address",
        "agent",
        "started_at",
        "last_seen_at",
        "second_factor_at",
        "expire_date",
    ]
    actions = ["end"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(user__isnull=False)

    @admin.action(description="End the chosen log-ins")
    def end(self, request: HttpRequest, queryset: QuerySet[Session]) -> None:
        chosen = list(queryset)
        for session in chosen:
            target = f"LogIn {session.public_id}"
            audit.record("log_in.ended", source=request, target=target)
        rows = Session.objects.filter(pk__in=[session.pk for session in chosen])
        count = rows.delete()[0]
        messages.success(request, f"{count} log-ins ended.")


@admin.register(TokenFamily)
class TokenFamilyAdmin(LookOnly, FreshSecondFactorMixin, SubjectAdmin):
    """Programs that are logged in with tokens."""

    list_display = [
        "user",
        "address",
        "agent",
        "started_at",
        "last_used_at",
        "revoked_for",
    ]
    list_select_related = ["user"]
    list_filter = ["revoked_at"]
    search_fields = ["user__username", "address", "public_id"]
    actions = ["end"]

    @admin.action(description="End the chosen log-ins")
    def end(self, request: HttpRequest, queryset: QuerySet[TokenFamily]) -> None:
        chosen = list(queryset)
        for family in chosen:
            target = f"LogIn {family.public_id}"
            audit.record("log_in.ended", source=request, target=target)
        rows = TokenFamily.objects.filter(pk__in=[family.pk for family in chosen])
        count = rows.revoke(timezone.now(), "ended by staff")
        messages.success(request, f"{count} log-ins ended.")


@admin.register(SecondFactor)
class SecondFactorAdmin(LookOnly, FreshSecondFactorMixin, ModelAdmin):  # type: ignore[misc]
    """Who has a second factor; a superuser takes away one that was lost."""

    list_display = ["user", "confirmed_at"]
    list_select_related = ["user"]
    search_fields = ["user__username"]
    fields = ["user", "created_at", "confirmed_at"]
    actions = ["reset"]

    def has_view_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        return bool(request.user.is_superuser)

    @admin.action(description="Reset: the owner sets up a new one at the next log-in")
    def reset(self, request: HttpRequest, queryset: QuerySet[SecondFactor]) -> None:
        for factor in queryset:
            target = f"User {factor.user_id}"
            audit.record("second_factor.reset", source=request, target=target)
            factor.user.recovery_codes.all().delete()
            factor.delete()
        messages.success(request, "Reset; their log-ins have ended.")
