"""The first page of the admin: what needs somebody, for those who may look."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from accounts.authentication import principal_of

# More than this is "many": nobody needs the number, and counting costs.
MOST_COUNTED = 1000
SOON = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Card:
    """A number that says whether a table wants somebody."""

    label: str
    title: str
    icon: str
    which: Callable[[datetime], Q]
    # Where its rows are listed, beyond the list itself.
    query: str = ""
    is_trouble: bool = False


def _all(now: datetime) -> Q:
    return Q()


CARDS = [
    Card("accounts.TradingAccount", "Trading accounts", "account_balance_wallet", _all),
    Card("accounts.Desk", "Desks", "groups", _all),
    Card("accounts.User", "Active people", "person", lambda now: Q(is_active=True)),
    Card(
        "accounts.ApiKey",
        "Keys that end within a week",
        "key",
        lambda now: Q(
            revoked_at__isnull=True, expires_at__gt=now, expires_at__lte=now + SOON
        ),
        is_trouble=True,
    ),
    Card(
        "tradingsite.OutboxMessage",
        "Dead letters",
        "outbox",
        lambda now: Q(status="dead"),
        "?status__exact=dead",
        is_trouble=True,
    ),
    Card(
        "marketdata.BarGap",
        "Gaps not repaired",
        "difference",
        lambda now: Q(status="open"),
        is_trouble=True,
    ),
    Card(
        "marketdata.QuarantinedListing",
        "Listings to decide",
        "rule",
        lambda now: Q(status="open"),
        "?status__exact=open",
        is_trouble=True,
    ),
    Card(
        "tradingsite.Process",
        "Processes that failed",
        "memory",
        lambda now: Q(status="failed"),
        is_trouble=True,
    ),
]


def fill(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the cards that the caller may see; one bounded count for each."""
    now = timezone.now()
    context["cards"] = [
        _shown(request, card, now) for card in CARDS if _may_see(request, card)
    ]
    return context


def _may_see(request: HttpRequest, card: Card) -> bool:
    app, _, model = card.label.partition(".")
    return bool(request.user.has_perm(f"{app}.view_{model.lower()}"))


def _shown(request: HttpRequest, card: Card, now: datetime) -> dict[str, Any]:
    model = apps.get_model(card.label)
    rows: Any = model._default_manager.all()
    if hasattr(rows, "for_subject") and not request.user.is_superuser:
        rows = rows.for_subject(principal_of(request))
    count = _bounded(rows.filter(card.which(now)))
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
    return {
        "title": card.title,
        "icon": card.icon,
        "count": f"{MOST_COUNTED:,}+" if count >= MOST_COUNTED else f"{count:,}",
        "is_trouble": card.is_trouble and count > 0,
        "link": reverse(name) + card.query,
    }


def _bounded(rows: QuerySet[Any]) -> int:
    return rows.order_by()[:MOST_COUNTED].count()
