"""Staff's view of people, desks, accounts and keys.

Superusers see everything; other staff see what they are members of, like on the
pages: every list goes through ``for_subject``.
"""

from http import HTTPStatus
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import ForeignKey, Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts.admin.step_up import FreshSecondFactorMixin
from accounts.authentication import principal_of
from accounts.forms import ApiKeyForm
from accounts.models import ApiKey, Desk, Membership, TradingAccount, User
from tradingsite.auditing import AuditedAdmin, tell

POWERS = ["is_staff", "is_superuser", "groups"]


class SubjectAdmin(AuditedAdmin, ModelAdmin):  # type: ignore[misc]
    """Rows as the subject may see them; also in searches, pop-ups and actions."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: Any = super().get_queryset(request)
        if not request.user.is_superuser:
            rows = rows.for_subject(principal_of(request))
        return cast("QuerySet[Any]", rows)


class MembershipInline(TabularInline):  # type: ignore[misc]
    """Who belongs to a desk or an account, or where a person belongs."""

    model = Membership
    extra = 0
    autocomplete_fields = ["user", "desk", "account"]


class DeskMembershipInline(MembershipInline):
    """The members of a whole desk."""

    fields = ["user", "role"]


class AccountMembershipInline(MembershipInline):
    """Those who are members of one account only."""

    fields = ["user", "role"]


@admin.register(User)
class UserAdmin(  # type: ignore[misc, type-arg]
    AuditedAdmin, FreshSecondFactorMixin, DjangoUserAdmin, ModelAdmin
):
    """People; only a superuser hands out powers or touches another superuser."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    inlines = [MembershipInline]
    list_display = ["username", "display_name", "email", "is_active", "is_staff"]
    filter_horizontal = []
    autocomplete_fields = ["groups"]
    # Permissions are given through groups: one person's own would be overlooked.
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        ("Person", {"fields": ["first_name", "last_name", "email"]}),
        ("Powers", {"fields": ["is_active", *POWERS]}),
        ("Dates", {"fields": ["last_login", "date_joined"]}),
    ]

    def get_readonly_fields(
        self, request: HttpRequest, obj: Model | None = None
    ) -> list[str]:
        return [] if request.user.is_superuser else POWERS

    def has_change_permission(
        self, request: HttpRequest, obj: User | None = None
    ) -> bool:
        if obj is not None and obj.is_superuser and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    @transaction.atomic
    def user_change_password(
        self,
        request: HttpRequest,
        id: str,  # noqa: A002 - the name in the address
        form_url: str = "",
    ) -> HttpResponse:
        response = super().user_change_password(request, id, form_url)
        if response.status_code == HTTPStatus.FOUND and request.method == "POST":
            tell("user.password_changed", source=request, row=self._person(id))
        return response

    def _person(self, key: str) -> User:
        return User.objects.get(pk=unquote(key))

    def get_inlines(self, request: HttpRequest, obj: User | None) -> list[Any]:
        return [] if obj is None else self.inlines


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(  # type: ignore[misc]
    AuditedAdmin, FreshSecondFactorMixin, DjangoGroupAdmin, ModelAdmin
):
    """Sets of admin permissions; rights on accounts are memberships."""


@admin.register(Desk)
class DeskAdmin(FreshSecondFactorMixin, SubjectAdmin):
    """Desks with their members."""

    list_display = ["name", "slug", "is_active", "created_at"]
    list_filter = ["is_active"]
    search_fields = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [DeskMembershipInline]


@admin.register(TradingAccount)
class TradingAccountAdmin(FreshSecondFactorMixin, SubjectAdmin):
    """Accounts, also of desks that one is no member of when one is of the account."""

    list_display = [
        "name",
        "slug",
        "desk",
        "broker",
        "broker_client_id",
        "status",
        "is_paper",
    ]
    list_filter = ["broker", "status", "is_paper", "desk"]
    list_select_related = ["desk"]
    search_fields = ["name", "slug", "broker_client_id"]
    autocomplete_fields = ["desk"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [AccountMembershipInline]


@admin.register(ApiKey)
class ApiKeyAdmin(FreshSecondFactorMixin, SubjectAdmin):
    """Keys: made here and shown once, then only narrowed, shortened or revoked."""

    form = ApiKeyForm
    list_display = ["name", "public_id", "user", "shown_state", "last_used_at"]
    list_filter = ["revoked_at", "expires_at"]
    list_select_related = ["user"]
    search_fields = ["name", "public_id", "user__username"]
    autocomplete_fields = ["user", "accounts"]
    readonly_fields = ["public_id", "created_at", "last_used_at", "revoked_at"]
    actions = ["revoke"]
    told_as = {"api_key.added": "key.issued", "api_key.changed": "key.changed"}

    @display(  # type: ignore[untyped-decorator]
        description="State",
        label={"active": "success", "expired": "warning", "revoked": "danger"},
    )
    def shown_state(self, key: ApiKey) -> str:
        return key.state

    @admin.action(description="Revoke the chosen keys")
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        with transaction.atomic():
            chosen = ApiKey.objects.filter(pk__in=queryset, revoked_at__isnull=True)
            for key in chosen.select_for_update():
                tell("key.revoked", source=request, row=key)
            count = ApiKey.objects.filter(pk__in=queryset).revoke(timezone.now())
        messages.success(request, f"{count} keys revoked.")

    def get_readonly_fields(
        self, request: HttpRequest, obj: Model | None = None
    ) -> list[str]:
        return self.readonly_fields if obj is None else ["user", *self.readonly_fields]

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        # A key acts for its user: only a superuser may make one for somebody else.
        if db_field.name == "user" and not request.user.is_superuser:
            kwargs["queryset"] = User.objects.filter(
                username=request.user.get_username()
            )
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def has_delete_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        # A revoked key stays, so that what was done with it stays told.
        return False

    def save_model(
        self, request: HttpRequest, obj: ApiKey, form: ApiKeyForm, change: Any
    ) -> None:
        if not change:
            obj.take_secret()
        super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the key, this once, in the answer itself: no cookie, no session."""
        site = self.admin_site.each_context(request)
        context = {**site, "title": "API key made", "key": obj}
        return _issued(request, context)


@never_cache
def _issued(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    return TemplateResponse(request, "admin/accounts/apikey/issued.html", context)
