"""The pages of accounts: the list, and one account live or as of an instant."""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts import hours, in_step, portfolio, syncing, valuing
from accounts.authentication import principal_of
from accounts.brokers import BrokerError, BrokerNeedsHuman
from accounts.models import AccountSync, PositionChange, TradingAccount
from accounts.portfolio import Document, Portfolio
from accounts.roles import Action
from accounts.templatetags.tones import tone
from accounts.valuing import Valuation
from accounts.views.account_questions import ZONE, Question, question_in
from tradingsite.pages import live_part
from tradingsite.templatetags.figures import clock, on_day

NUMBERS = (
    *("average_price", "last_price", "market_value", "pnl", "day_pnl", "invested"),
    *("net", "cash", "used", "span", "exposure", "option_premium", "collateral"),
)
CHANGES_SHOWN = 8
SYNCED = "account-synced"
# What the row of a position is made of that the stream tells first.
BLANK_ROW: Document = {
    "exchange": "EXCHANGE",
    "symbol": "SYMBOL",
    "instrument": "EXCHANGE:SYMBOL",
    "product": "PRODUCT",
    "quantity": 0,
    "overnight_quantity": 0,
    **dict.fromkeys(("average_price", "last_price", "pnl", "day_pnl")),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a sync that somebody asked for ended."""

    is_good: bool
    text: str


@login_required
@never_cache
def accounts_page(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/accounts.html", _list(request))


@live_part
def accounts_part(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/_accounts.html", _list(request))


@login_required
@never_cache
def account_page(request: HttpRequest, slug: str) -> HttpResponse:
    account, question = _account(request, slug), question_in(request.GET)
    context = _body(account, question)
    context |= _sync_context(request, account, context.get("sync"))
    readers = TradingAccount.objects.for_subject(
        principal_of(request), Action.READ_AUDIT
    )
    context["may_read_audit"] = readers.filter(pk=account.pk).exists()
    status = HTTPStatus.BAD_REQUEST if question.mistakes else HTTPStatus.OK
    return render(request, "accounts/account.html", context, status=status)


@live_part
def account_part(request: HttpRequest) -> HttpResponse:
    account = _account(request, request.GET.get("account", ""))
    context = _body(account, question_in(request.GET))
    return render(request, "accounts/_account_part.html", context)


@login_required
@require_POST
@never_cache
def sync_now(request: HttpRequest, slug: str) -> HttpResponse:
    """Sync while the page waits, and say how it went in the place of the button."""
    account = _account(request, slug, Action.SYNC)
    outcome = _synced(request, account)
    context = _sync_context(request, account) | {"outcome": outcome}
    answer = render(request, "accounts/_sync.html", context)
    answer["HX-Trigger"] = SYNCED
    return answer


def _synced(request: HttpRequest, account: TradingAccount) -> Outcome:
    if account.status == TradingAccount.Status.CLOSED:
        return Outcome(is_good=False, text="The account is closed.")
    try:
        done = syncing.sync(account, by=request)
    except syncing.SyncRunning:
        return Outcome(is_good=False, text="Another sync runs; it will be done soon.")
    except BrokerNeedsHuman as error:
        return Outcome(is_good=False, text=f"Somebody must act: {error}")
    except BrokerError as error:
        return Outcome(is_good=False, text=f"Not now: {error}")
    text = (
        f"{done.positions} positions, {done.holdings} holdings and {done.balances}"
        f" segments of money; {done.position_changes} positions changed."
    )
    return Outcome(is_good=True, text=text)


def _account(
    request: HttpRequest, slug: str, action: Action = Action.READ
) -> TradingAccount:
    rows = TradingAccount.objects.for_subject(principal_of(request), action)
    # The parts name it in their query, where anything may stand.
    named = rows.select_related("desk").filter(slug=slug.replace("\0", ""))
    account = named.first()
    if account is None:
        raise Http404
    return account


def _list(request: HttpRequest) -> dict[str, Any]:
    rows = TradingAccount.objects.for_subject(principal_of(request))
    accounts = list(rows.select_related("desk").order_by("desk__name", "name"))
    wanted = request.GET.get("q", "").strip()[:64].replace("\0", "")
    chosen = [one for one in accounts if _is_like(one, wanted)]
    now = timezone.now()
    worths = valuing.valuations(chosen, now)
    lines = [
        {
            "account": one,
            "worth": worths[one.pk],
            "sync": worths[one.pk].sync,
            "sync_age_s": _age_s(worths[one.pk].sync, now),
        }
        for one in chosen
    ]
    return {"lines": lines, "wanted": wanted, "count": len(accounts)}


def _is_like(account: TradingAccount, wanted: str) -> bool:
    texts = (account.name, account.slug, account.desk.name, account.broker_client_id)
    return any(wanted.lower() in text.lower() for text in texts)


def _age_s(sync: AccountSync, now: datetime.datetime) -> float | None:
    return (now - sync.last_sync_at).total_seconds() if sync.last_sync_at else None


def _sync_context(
    request: HttpRequest, account: TradingAccount, sync: AccountSync | None = None
) -> dict[str, Any]:
    if sync is None:
        sync = AccountSync.objects.filter(account=account).first() or AccountSync()
    may = TradingAccount.objects.for_subject(principal_of(request), Action.SYNC)
    return {
        "account": account,
        "sync": sync,
        "sync_age_s": _age_s(sync, timezone.now()),
        "may_sync": may.filter(pk=account.pk).exists(),
    }


def _body(account: TradingAccount, question: Question) -> dict[str, Any]:
    context: dict[str, Any] = {"account": account, "question": question}
    if question.as_of is None:
        worth = valuing.valuation_of(account, timezone.now())
        context |= _live(worth)
        seen: Portfolio | None = portfolio.of_valuation(worth)
    else:
        seen = portfolio.as_of(account, question.as_of)
    context["seen"] = seen
    return context if seen is None else context | _rows(account, question, seen)


def _live(worth: Valuation) -> dict[str, Any]:
    """Return what a page that moves is told, and whether the broker is behind."""
    held = {one.row.exchange for one in worth.positions if one.row.quantity}
    shares = {one.row.exchange for one in worth.holdings}
    places = hours.calendars_at(held | shares)
    open_until = hours.open_until(places, worth.at)
    stale_since = in_step.stale_since(worth.account, worth.sync, places, worth.at)
    moving = {
        **portfolio.movable(worth),
        "open_until": open_until.timestamp() if open_until else None,
    }
    return {
        "moving": moving,
        "blank_row": shown(BLANK_ROW),
        "stale_since": _since(stale_since, worth.at) if stale_since else "",
        "sync": worth.sync,
        "sync_age_s": _age_s(worth.sync, worth.at),
    }


def _since(at: datetime.datetime, now: datetime.datetime) -> str:
    """Write the time of day, and which day when that is not today's."""
    is_today = on_day(at) == on_day(now)
    return clock(at) if is_today else f"{on_day(at)} {clock(at)}"


def _rows(
    account: TradingAccount, question: Question, seen: Portfolio
) -> dict[str, Any]:
    positions = [
        row
        for row in seen.positions
        if (row["quantity"] or question.flat) and _is_wanted(row, question)
    ]
    products = sorted({row["product"] for row in seen.positions})
    return {
        "positions": [shown(row) for row in positions],
        "flat_count": sum(not row["quantity"] for row in seen.positions),
        "position_totals": _totals(positions),
        "holdings": [shown(row) for row in seen.holdings if _is_wanted(row, question)],
        "holding_totals": _totals(
            [row for row in seen.holdings if _is_wanted(row, question)]
        ),
        "balances": [shown(row) for row in seen.balances],
        "available": portfolio.summed(seen.balances, "net"),
        "products": products,
        "changes": PositionChange.objects.of(account)[:CHANGES_SHOWN],
        "tones": {
            "pnl": tone(seen.pnl),
            "day_pnl": tone(seen.day_pnl),
        },
        "zone_offset_s": int(
            timezone.now().astimezone(ZONE).utcoffset().total_seconds()  # type: ignore[union-attr]
        ),
    }


def _is_wanted(row: Document, question: Question) -> bool:
    if question.symbol.upper() not in row["symbol"].upper():
        return False
    return not question.product or row.get("product", "") in {"", question.product}


def shown(row: Document) -> dict[str, Any]:
    """Return a document with numbers and times for the template to write."""
    made = dict(row)
    for name in NUMBERS:
        if made.get(name) is not None:
            made[name] = Decimal(made[name])
    if made.get("price_at"):
        made["price_at"] = datetime.datetime.fromisoformat(made["price_at"])
    made["tone"], made["day_tone"] = tone(made.get("pnl")), tone(made.get("day_pnl"))
    return made


def _totals(rows: Iterable[Document]) -> dict[str, Any]:
    rows = list(rows)
    pnl = portfolio.summed(rows, "pnl")
    day_pnl = portfolio.summed(rows, "day_pnl")
    return {
        "pnl": pnl,
        "day_pnl": day_pnl,
        "market_value": portfolio.summed(rows, "market_value"),
        "tone": tone(pnl),
        "day_tone": tone(day_pnl),
        "missing": portfolio.without_price(rows),
    }
