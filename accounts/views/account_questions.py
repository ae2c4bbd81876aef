"""What the account pages are asked: which rows, and as of when."""

import datetime
from dataclasses import dataclass
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.http import QueryDict
from django.utils import timezone

ZONE = ZoneInfo(settings.DISPLAY_TIME_ZONE)


class SightForm(forms.Form):
    """The filter of an account's rows; ``as_of`` is written in the desk's zone."""

    symbol = forms.CharField(required=False, max_length=64)
    product = forms.CharField(required=False, max_length=12)
    flat = forms.BooleanField(required=False)
    as_of = forms.DateTimeField(
        required=False, input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
    )

    def clean_as_of(self) -> datetime.datetime | None:
        at = self.cleaned_data["as_of"]
        if at is None:
            return None
        # The form reads it in the zone of the server; what was meant is the desk's.
        meant: datetime.datetime = at.replace(tzinfo=ZONE)
        if meant > timezone.now():
            raise forms.ValidationError("That is yet to come.")
        return meant


@dataclass(frozen=True, slots=True)
class Question:
    """What was chosen; of a form with mistakes, nothing."""

    symbol: str = ""
    product: str = ""
    flat: bool = False
    as_of: datetime.datetime | None = None
    mistakes: tuple[str, ...] = ()

    @property
    def as_of_text(self) -> str:
        """The instant as the field of the form writes it."""
        return f"{self.as_of.astimezone(ZONE):%Y-%m-%dT%H:%M}" if self.as_of else ""

    @property
    def query(self) -> str:
        chosen = {
            "symbol": self.symbol,
            "product": self.product,
            "flat": "on" if self.flat else "",
            "as_of": self.as_of_text,
        }
        return urlencode({name: text for name, text in chosen.items() if text})


def question_in(given: QueryDict) -> Question:
    form = SightForm(given)
    if not form.is_valid():
        texts = [str(text) for said in form.errors.values() for text in said]
        return Question(mistakes=tuple(texts))
    return Question(**form.cleaned_data)
