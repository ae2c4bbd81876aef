"""What the pages of orders are asked: whose, which, of which day, from where on."""

import datetime
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import QueryDict
from django.utils import timezone

from accounts.brokers.payloads import IST
from orders.choosing import WORDS, Choice, statuses_of
from tradingsite.api import LONGEST_POSITION

PRODUCTS = ["CNC", "MIS", "MTF", "NRML"]


class OrdersForm(forms.Form):
    """The filter of the pages; ``before`` is the last order of the page before."""

    account = forms.SlugField(required=False, max_length=40)
    status = forms.ChoiceField(
        required=False, choices=[(str(word), str(word)) for word in WORDS]
    )
    side = forms.ChoiceField(required=False, choices=[("BUY", "Buy"), ("SELL", "Sell")])
    symbol = forms.CharField(required=False, max_length=64)
    product = forms.CharField(required=False, max_length=12)
    day = forms.DateField(required=False, input_formats=["%Y-%m-%d"])
    before = forms.IntegerField(
        required=False, min_value=1, max_value=10**LONGEST_POSITION
    )

    def clean_day(self) -> datetime.date | None:
        day: datetime.date | None = self.cleaned_data["day"]
        if day and day > timezone.now().astimezone(IST).date():
            raise forms.ValidationError("That day is yet to come.")
        return day


@dataclass(frozen=True, slots=True)
class Question:
    """What was chosen; of a form with mistakes, nothing."""

    account: str = ""
    status: str = ""
    side: str = ""
    symbol: str = ""
    product: str = ""
    day: datetime.date | None = None
    before: int | None = None
    mistakes: tuple[str, ...] = ()

    @property
    def choice(self) -> Choice:
        """Without a day it is the brokers' books as they are now."""
        return Choice(
            statuses=statuses_of(self.status),
            side=self.side,
            part=self.symbol,
            product=self.product,
            day=self.day,
            is_in_book=True if self.day is None else None,
        )

    @property
    def is_live(self) -> bool:
        """Whether it asks for what still moves, from the newest on."""
        return self.day is None and self.before is None

    @property
    def day_text(self) -> str:
        return self.day.isoformat() if self.day else ""

    @property
    def query(self) -> str:
        """What was chosen, from the newest on."""
        return self._query()

    @property
    def query_of_any_status(self) -> str:
        return self._query(status="")

    def _query(self, **others: str) -> str:
        chosen: dict[str, Any] = {
            "account": self.account,
            "status": self.status,
            "side": self.side,
            "symbol": self.symbol,
            "product": self.product,
            "day": self.day_text,
        }
        return urlencode({n: v for n, v in (chosen | others).items() if v})


def question_in(given: QueryDict) -> Question:
    form = OrdersForm(given)
    if not form.is_valid():
        texts = [str(text) for said in form.errors.values() for text in said]
        return Question(mistakes=tuple(texts))
    return Question(**form.cleaned_data)
