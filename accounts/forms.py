"""The forms of the accounts pages."""

import math
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.postgres.forms import SimpleArrayField
from django.core.exceptions import ValidationError
from django.utils import timezone
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.authentication import client_address
from accounts.models import ApiKey, LogInAttempt
from accounts.models.keys import LONGEST_LIFE, validate_network
from accounts.principals import Scope


class LogInForm(AuthenticationForm):
    """Name and password, with a limit on guessing that is exact under load."""

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": "That user name and password do not match.",
        # The same words: who exists and who is locked is nobody's business.
        "inactive": "That user name and password do not match.",
        "throttled": "Too many tries. Try again in %(minutes)s min.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.wait = timedelta()

    def clean(self) -> dict[str, Any]:
        request, username = self.request, self.cleaned_data.get("username")
        if request is None or username is None:
            return super().clean()
        now, address = timezone.now(), client_address(request)
        self._count(username, address, now)
        cleaned = super().clean()
        LogInAttempt.objects.forgive(username=username, address=address, now=now)
        return cleaned

    def _count(self, username: str, address: str, now: datetime) -> None:
        self.wait = LogInAttempt.objects.wait(
            username=username, address=address, now=now
        )
        if self.wait:
            raise ValidationError(
                self.error_messages["throttled"],
                code="throttled",
                params={"minutes": math.ceil(self.wait.total_seconds() / 60)},
            )


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    """What staff choose when they make a key; its secret is not theirs to choose."""

    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in Scope],
        initial=[Scope.READ_MARKET],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    allowed_networks = SimpleArrayField(
        forms.CharField(validators=[validate_network]),
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Addresses or networks it may be used from, separated by commas; "
        "empty means any.",
    )

    class Meta:
        model = ApiKey
        fields = [
            "name",
            "user",
            "scopes",
            "all_accounts",
            "accounts",
            "allowed_networks",
            "expires_at",
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is None:
            # A minute short: the 90 days count from when the row is made.
            latest = timezone.now() + LONGEST_LIFE - timedelta(minutes=1)
            self.initial.setdefault("expires_at", latest)

    def clean_expires_at(self) -> datetime:
        # The database says so too, but only the form can say it in words.
        expires_at: datetime = self.cleaned_data["expires_at"]
        made_at = self.instance.created_at
        if not made_at < expires_at <= made_at + LONGEST_LIFE:
            raise ValidationError("A key lives at most 90 days.", code="too_long")
        return expires_at
