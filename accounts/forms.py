"""The forms of the accounts pages."""

import math
from datetime import datetime, timedelta
from typing import Any, cast

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
from accounts.models import ApiKey, LogInAttempt, TradingAccount
from accounts.models.keys import LONGEST_LIFE, check_networks, validate_network
from accounts.principals import Principal, Scope

LIVES = [7, 30, 90]


SCOPE_LABELS = {
    Scope.READ_MARKET: "Read market data",
    Scope.READ_ACCOUNTS: "Read accounts",
    Scope.TRADE: "Trade",
    Scope.ADMIN: "Administer",
}


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


class CodeForm(forms.Form):
    """A code of the authenticator, or one of the recovery codes."""

    code = forms.CharField(
        max_length=40,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "autofocus": True,
                "autocapitalize": "none",
                "spellcheck": "false",
            }
        ),
    )


class OwnKeyForm(forms.Form):
    """What people choose when they make a key for a program of theirs."""

    name = forms.CharField(
        max_length=100,
        help_text="What uses it: “Nightly export”, “Strategy server”.",
    )
    scopes = forms.MultipleChoiceField(
        initial=[Scope.READ_MARKET], widget=forms.CheckboxSelectMultiple
    )
    all_accounts = forms.BooleanField(
        required=False, label="Every account of mine, now and later"
    )
    accounts = forms.ModelMultipleChoiceField(
        queryset=TradingAccount.objects.none(),
        required=False,
        to_field_name="slug",
        label="Only these accounts",
        widget=forms.CheckboxSelectMultiple,
    )
    allowed_networks = SimpleArrayField(
        forms.CharField(validators=[validate_network], max_length=43),
        required=False,
        max_length=20,
        label="Used from",
        help_text="Addresses or networks, separated by commas, such as 203.0.113.7. "
        "A key that trades must have some.",
    )
    life_days = forms.TypedChoiceField(
        choices=[(days, f"{days} days") for days in LIVES],
        coerce=int,
        initial=LIVES[-1],
        label="Works for",
    )

    def __init__(self, *args: Any, principal: Principal, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = [scope for scope in Scope if principal.may(scope)]
        cast("forms.MultipleChoiceField", self.fields["scopes"]).choices = [
            (scope.value, SCOPE_LABELS[scope]) for scope in own
        ]
        accounts = cast("forms.ModelMultipleChoiceField[Any]", self.fields["accounts"])
        accounts.queryset = TradingAccount.objects.for_subject(principal)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "allowed_networks" in cleaned and "scopes" in cleaned:
            try:
                check_networks(cleaned["scopes"], cleaned["allowed_networks"])
            except ValidationError as error:
                self.add_error("allowed_networks", error)
        return cleaned

    def choices(self) -> dict[str, Any]:
        """Return what ``ApiKey.objects.issue`` takes."""
        chosen = dict(self.cleaned_data)
        chosen["life"] = timedelta(days=chosen.pop("life_days"))
        return chosen


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

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        networks = cleaned.get("allowed_networks")
        if networks is not None and "scopes" in cleaned:
            try:
                check_networks(cleaned["scopes"], networks)
            except ValidationError as error:
                self.add_error("allowed_networks", error)
        return cleaned

    def clean_expires_at(self) -> datetime:
        # The database says so too, but only the form can say it in words.
        expires_at: datetime = self.cleaned_data["expires_at"]
        made_at = self.instance.created_at
        if not made_at < expires_at <= made_at + LONGEST_LIFE:
            raise ValidationError("A key lives at most 90 days.", code="too_long")
        return expires_at
