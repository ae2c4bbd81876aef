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
from django.db.models import Count, ForeignKey, Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts.admin.scoping import (
    AccountMembershipInline,
    DeskMembershipInline,
    MembershipInline,
    SubjectAdmin,
    is_superuser,
    people_for,
)
from accounts.admin.step_up import FreshSecondFactorMixin
from accounts.forms import ApiKeyForm
from accounts.models import ApiKey, Desk, TradingAccount, User
from accounts.roles import Action
from tradingsite.auditing import AuditedAdmin, tell
from tradingsite.paging import BoundedPaginator

POWERS = ["is_staff", "is_superuser", "groups"]


@admin.register(User)
class UserAdmin(AuditedAdmin, FreshSecondFactorMixin, DjangoUserAdmin, ModelAdmin):  # type: ignore[misc, type-arg]
    """People; only a superuser hands out powers or touches another superuser."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    inlines = [MembershipInline]
    list_display = [
        *("username", "display_name", "email", "plan"),
        *("is_active", "is_staff", "last_login"),
    ]
    list_filter = ["is_active", "is_staff", "is_superuser", "plan"]
    paginator = BoundedPaginator
    show_full_result_count = False
    filter_horizontal = []
    autocomplete_fields = ["groups"]
    # Permissions are given through groups: one person's own would be overlooked.
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        ("Person", {"fields": ["first_name", "last_name", "email"]}),
        ("Powers", {"fields": ["is_active", "plan", *POWERS]}),
        ("Dates", {"fields": ["last_login", "date_joined"]}),
    ]

    def get_readonly_fields(
        self, request: HttpRequest, obj: Model | None = None
    ) -> list[str]:
        return [] if is_superuser(request) else [*POWERS, "plan"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        rows: QuerySet[User] = super().get_queryset(request)
        return rows.filter(pk__in=people_for(request).values("pk"))

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
        response = cast(
            HttpResponse, super().user_change_password(request, id, form_url)
        )
        if response.status_code == HTTPStatus.FOUND and request.method == "POST":
            tell("user.password_changed", source=request, row=self._person(id))
        return response

    def _person(self, key: str) -> User:
        return User.objects.get(pk=unquote(key))

    def has_delete_permission(
        self, request: HttpRequest, obj: User | None = None
    ) -> bool:
        if obj is not None and obj.is_superuser and not is_superuser(request):
            return False
        return super().has_delete_permission(request, obj)

    def get_inlines(self, request: HttpRequest, obj: User | None) -> list[Any]:
        return [] if obj is None else self.inlines


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(AuditedAdmin, FreshSecondFactorMixin, DjangoGroupAdmin, ModelAdmin):  # type: ignore[misc]
    """Sets of admin permissions; rights on accounts are memberships."""


@admin.register(Desk)
class DeskAdmin(FreshSecondFactorMixin, SubjectAdmin):
    """Desks with their members."""

    list_display = ["name", "slug", "accounts", "members", "is_active", "created_at"]
    list_filter = ["is_active"]
    search_fields = ["name", "slug"]
    # Said here, for a list that counts forgets the order of its model.
    ordering = ["slug"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [DeskMembershipInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Desk]:
        rows: QuerySet[Desk] = super().get_queryset(request)
        return rows.annotate(
            account_count=Count("accounts", distinct=True),
            member_count=Count("memberships", distinct=True),
        )

    @display(description="Accounts", ordering="account_count")  # type: ignore[untyped-decorator]
    def accounts(self, desk: Any) -> int:
        return int(desk.account_count)

    @display(description="Members", ordering="member_count")  # type: ignore[untyped-decorator]
    def members(self, desk: Any) -> int:
        return int(desk.member_count)


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
    # Only the desks of accounts that the caller may see.
    list_filter = [
        *("broker", "status", "is_paper"),
        ("desk", admin.RelatedOnlyFieldListFilter),
    ]
    list_select_related = ["desk"]
    search_fields = ["name", "slug", "broker_client_id"]
    autocomplete_fields = ["desk"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [AccountMembershipInline]


@admin.register(ApiKey)
class ApiKeyAdmin(FreshSecondFactorMixin, SubjectAdmin):
    """Keys: made here and shown once, then only narrowed, shortened or revoked."""

    form = ApiKeyForm
    # A key is only narrowed to what its user sees.
    choice_action = Action.READ
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
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "user" and not is_superuser(request):
            field.queryset = field.queryset.filter(pk=request.user.pk)
        return field

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
