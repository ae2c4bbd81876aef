"""Broker connections as staff keep them: credentials go in, and never come out."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.debug import (
    sensitive_post_parameters,
    sensitive_variables,
)
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminPasswordWidget

from accounts.admin.step_up import FreshSecondFactorMixin
from accounts.authentication import principal_of
from accounts.models import BrokerConnection
from accounts.roles import Action
from tradingsite.auditing import AuditedAdmin

CREDENTIALS = ("api_key", "api_secret", "access_token")


def _secret(help_text: str) -> forms.CharField:
    widget = UnfoldAdminPasswordWidget(
        render_value=False, attrs={"autocomplete": "new-password"}
    )
    return forms.CharField(
        required=False, max_length=4096, widget=widget, help_text=help_text
    )


class BrokerConnectionForm(forms.ModelForm):  # type: ignore[type-arg]
    """What staff type in; what was typed before is not in the page."""

    api_key = _secret("Whatever is filled in replaces all that was kept before.")
    api_secret = _secret("What the broker gave with the key.")
    access_token = _secret("Of the day, where the broker wants one.")

    class Meta:
        model = BrokerConnection
        fields = ["account", "broker", "is_active"]

    @sensitive_variables()
    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.instance._state.adding and not self.typed():
            self.add_error("api_key", "A new connection needs credentials.")
        return cleaned

    def typed(self) -> dict[str, str]:
        """Return the credentials that were filled in."""
        found = {name: self.cleaned_data.get(name, "") for name in CREDENTIALS}
        return {name: value for name, value in found.items() if value}


@admin.register(BrokerConnection)
class BrokerConnectionAdmin(
    AuditedAdmin,
    FreshSecondFactorMixin,
    ModelAdmin,  # type: ignore[misc]  # unfold has no types
):
    """Connections: superusers all of them, others those of accounts they manage."""

    form = BrokerConnectionForm
    list_display = ["account", "broker", "is_active", "sealed_at", "shown_key"]
    list_filter = ["broker", "is_active"]
    list_select_related = ["account"]
    search_fields = ["account__slug", "account__name"]
    autocomplete_fields = ["account"]
    readonly_fields = ["sealed_at"]

    @admin.display(description="Sealed by")
    def shown_key(self, connection: BrokerConnection) -> str:
        return connection.key_id

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: Any = super().get_queryset(request)
        if not request.user.is_superuser:
            rows = rows.for_subject(principal_of(request))
        return rows  # type: ignore[no-any-return]

    def get_readonly_fields(
        self, request: HttpRequest, obj: Model | None = None
    ) -> list[str]:
        # The seal names both: what is sealed for one account opens for no other.
        return ["sealed_at"] if obj is None else ["account", "broker", "sealed_at"]

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.name == "account" and not request.user.is_superuser:
            accounts = db_field.remote_field.model.objects
            kwargs["queryset"] = accounts.for_subject(
                principal_of(request), Action.MANAGE_CONNECTION
            )
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    @method_decorator(sensitive_post_parameters(*CREDENTIALS))
    def changeform_view(self, *args: Any, **kwargs: Any) -> Any:
        return super().changeform_view(*args, **kwargs)

    @sensitive_variables()
    def save_model(
        self, request: HttpRequest, obj: Any, form: Any, change: Any
    ) -> None:
        if typed := form.typed():
            obj.keep(typed, now=timezone.now())
        super().save_model(request, obj, form, change)
