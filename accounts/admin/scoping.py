"""What staff see and change: what their memberships say, also in forms and pop-ups.

Superusers see everything. Other staff need two things: Django's permission for the
table, and a role on the desk or account of the row. The second is asked here, in
every road to rows: lists, forms, histories, deletions, autocompletes, actions, and
the choices that a form accepts (which is what stops a forged POST).
"""

from typing import Any, cast

from django.contrib import admin
from django.contrib.auth.models import AbstractBaseUser
from django.db.models import ForeignKey, ManyToManyField, Model, Q, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from accounts.authentication import principal_of
from accounts.models import Desk, Membership, TradingAccount, User
from accounts.roles import Action
from tradingsite.auditing import AuditedAdmin
from tradingsite.paging import BoundedPaginator

PLACES: dict[type[Model], Any] = {Desk: Desk, TradingAccount: TradingAccount}


def is_superuser(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))


def rows_for(request: HttpRequest, model: type[Model], action: Action) -> QuerySet[Any]:
    """Return the desks or accounts on which the caller may do ``action``."""
    manager: Any = PLACES[model].objects
    if is_superuser(request):
        return cast("QuerySet[Any]", manager.all())
    return cast("QuerySet[Any]", manager.for_subject(principal_of(request), action))


def people_for(request: HttpRequest) -> QuerySet[User]:
    """Return the caller, who shares a desk or account, and who belongs nowhere yet."""
    if is_superuser(request):
        return User.objects.all()
    desks = rows_for(request, Desk, Action.READ)
    accounts = rows_for(request, TradingAccount, Action.READ)
    seen = Membership.objects.filter(
        Q(desk__in=desks) | Q(account__in=accounts) | Q(account__desk__in=desks)
    )
    return User.objects.filter(
        Q(pk=request.user.pk)
        | Q(pk__in=seen.values("user"))
        | Q(memberships__isnull=True)
    )


class AccountFilter(admin.SimpleListFilter):
    """The accounts that the caller may see, and no other's name.

    The admin says by ``path_to_account`` how a row leads to its account.
    """

    title = "account"
    parameter_name = "account"

    def __init__(
        self, request: HttpRequest, params: Any, model: type[Model], model_admin: Any
    ) -> None:
        self._path = model_admin.path_to_account
        super().__init__(request, params, model, model_admin)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        accounts = rows_for(request, TradingAccount, Action.READ)
        return [(one.slug, one.name) for one in accounts.order_by("name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        return queryset.filter(**{f"{self._path}__slug": self.value()})


class ScopedChoices:
    """Forms in which only what the caller may manage can be chosen."""

    # What one must be allowed to do with a desk or an account to choose it.
    choice_action = Action.MANAGE_ACCOUNT

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        self._narrow(db_field, request, kwargs)
        parent: Any = super()
        return parent.formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_manytomany(
        self, db_field: "ManyToManyField[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> Any:
        self._narrow(db_field, request, kwargs)
        parent: Any = super()
        return parent.formfield_for_manytomany(db_field, request, **kwargs)

    def _narrow(
        self, db_field: Any, request: HttpRequest, kwargs: dict[str, Any]
    ) -> None:
        model = db_field.remote_field.model
        if model in PLACES:
            kwargs["queryset"] = rows_for(request, model, self.choice_action)
        elif issubclass(model, AbstractBaseUser):
            kwargs["queryset"] = people_for(request)


class SubjectAdmin(AuditedAdmin, ScopedChoices, ModelAdmin):  # type: ignore[misc]
    """Rows as the subject may see them; changed only where its role allows it."""

    change_action = Action.MANAGE_ACCOUNT
    paginator = BoundedPaginator
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: Any = super().get_queryset(request)
        if not is_superuser(request):
            rows = rows.for_subject(principal_of(request))
        return cast("QuerySet[Any]", rows)

    def has_change_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        may = bool(super().has_change_permission(request, obj))
        return may and self.may_manage(request, obj)

    def has_delete_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        may = bool(super().has_delete_permission(request, obj))
        return may and self.may_manage(request, obj)

    def may_manage(self, request: HttpRequest, obj: Model | None) -> bool:
        if obj is None or self.model not in PLACES:
            return True
        managed = rows_for(request, self.model, self.change_action)
        return managed.filter(pk=obj.pk).exists()


class MembershipInline(ScopedChoices, TabularInline):  # type: ignore[misc]
    """Who belongs to a desk or an account, or where a person belongs.

    Only memberships of what the caller manages are shown, and none of its own: who
    hands out roles takes none.
    """

    model = Membership
    extra = 0
    choice_action = Action.MANAGE_MEMBERS
    autocomplete_fields = ["user", "desk", "account"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        rows: QuerySet[Membership] = super().get_queryset(request)
        rows = rows.select_related("user", "desk", "account")
        if is_superuser(request):
            return rows
        return rows.filter(
            Q(desk__in=rows_for(request, Desk, self.choice_action))
            | Q(account__in=rows_for(request, TradingAccount, self.choice_action))
        ).exclude(user_id=cast("int", request.user.pk))

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "user" and not is_superuser(request):
            field.queryset = field.queryset.exclude(pk=request.user.pk)
        return field

    def _may(self, request: HttpRequest, obj: Model | None) -> bool:
        if is_superuser(request) or obj is None:
            return True
        if isinstance(obj, User):
            return obj.pk != request.user.pk
        managed = rows_for(request, type(obj), self.choice_action)
        return managed.filter(pk=obj.pk).exists()

    def has_add_permission(self, request: HttpRequest, obj: Model | None) -> bool:
        return bool(super().has_add_permission(request, obj)) and self._may(
            request, obj
        )

    def has_change_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        may = bool(super().has_change_permission(request, obj))
        return may and self._may(request, obj)

    def has_delete_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        may = bool(super().has_delete_permission(request, obj))
        return may and self._may(request, obj)


class DeskMembershipInline(MembershipInline):
    """The members of a whole desk."""

    fields = ["user", "role"]


class AccountMembershipInline(MembershipInline):
    """Those who are members of one account only."""

    fields = ["user", "role"]
