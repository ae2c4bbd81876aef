"""The menu of the admin: the tables of the house by subject, for those who may look."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Model
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

# Subject → table → its symbol (names of Material Symbols).
MENU = {
    "Market": {
        "marketdata.Instrument": "candlestick_chart",
        "marketdata.InstrumentList": "format_list_bulleted",
        "marketdata.QuarantinedListing": "rule",
        "marketdata.LotSize": "straighten",
        "marketdata.FreezeQuantity": "ac_unit",
        "marketdata.Exchange": "account_balance",
        "marketdata.SessionHours": "schedule",
        "marketdata.SessionPhase": "hourglass_top",
        "marketdata.Holiday": "event_busy",
        "marketdata.SettlementHoliday": "money_off",
        "marketdata.ExpiryRule": "event_repeat",
        "marketdata.ContractExpiry": "event_available",
        "marketdata.Label": "label",
        "marketdata.BarGap": "difference",
        "marketdata.SessionGap": "grid_off",
        "marketdata.TickerSubscription": "rss_feed",
        "marketdata.SubscriptionSession": "group",
        "marketdata.QuarantinedTick": "report",
        "marketdata.ShardPosition": "stream",
    },
    "Accounts": {
        "accounts.Desk": "groups",
        "accounts.TradingAccount": "account_balance_wallet",
        "accounts.User": "person",
        "auth.Group": "shield_person",
        "accounts.ApiKey": "key",
        "accounts.Position": "swap_vert",
        "accounts.PositionChange": "published_with_changes",
        "accounts.Holding": "inventory_2",
        "accounts.Balance": "payments",
        "accounts.AccountSync": "sync",
        "accounts.AccountSnapshot": "photo_camera",
        "accounts.BrokerConnection": "cable",
        "accounts.AuditEntry": "policy",
        "accounts.AuditAnchor": "anchor",
    },
    "Orders": {
        "orders.Order": "receipt_long",
        "orders.OrderChange": "timeline",
        "orders.OrderBook": "menu_book",
    },
    "System": {
        "tradingsite.Process": "memory",
        "tradingsite.OutboxMessage": "outbox",
        "tradingsite.JournalStream": "receipt_long",
        "tradingsite.Claim": "lock_clock",
        "tradingsite.IdempotencyKey": "fingerprint",
        "tradingsite.ScheduledRun": "history",
        "django_celery_beat.PeriodicTask": "event_repeat",
        "django_celery_beat.IntervalSchedule": "timer",
        "django_celery_beat.CrontabSchedule": "calendar_month",
    },
}


def no_inline_colors(request: HttpRequest) -> dict[str, dict[str, str]]:
    return {}


def style_sheet(request: HttpRequest) -> str:
    return static("tradingsite/admin.css")


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups of the sidebar that have something for this person."""
    groups = (
        {"title": title, "separator": True, "items": _items(request.user, tables)}
        for title, tables in MENU.items()
    )
    return [group for group in groups if group["items"]]


def _items(
    user: AbstractBaseUser | AnonymousUser, tables: dict[str, str]
) -> list[dict[str, Any]]:
    models = ((apps.get_model(label), icon) for label, icon in tables.items())
    return [_item(model, icon) for model, icon in models if _is_shown(model, user)]


def _is_shown(model: type[Model], user: Any) -> bool:
    options = model._meta
    may_see = user.has_perm(f"{options.app_label}.view_{options.model_name}")
    return may_see and admin.site.is_registered(model)


def _item(model: type[Model], icon: str) -> dict[str, Any]:
    options = model._meta
    name = f"admin:{options.app_label}_{options.model_name}_changelist"
    title = str(options.verbose_name_plural)
    return {
        "title": title[0].upper() + title[1:],
        "icon": icon,
        "link": reverse(name),
    }
