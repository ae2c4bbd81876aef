"""The options page: chain, smile, open interest and a builder of payoffs.

The page shows everything at once; of a chain that moves, the chain asks again every
two seconds and its charts follow. The payoff is asked from the REST API.
"""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.cache import never_cache

from marketdata import calendars, chain
from marketdata.chain import Chain, ChainExpiry, contracts
from marketdata.models import Instrument
from marketdata.overview import SILENT_AFTER_S
from marketdata.udf import names
from marketdata.views import chain_rows
from tradingsite.pages import live_part

# How many strikes on each side of the money; 0 shows all.
WIDTHS = (10, 20, 40, 0)
_WIDTH = 20


@login_required
def first(request: HttpRequest) -> HttpResponse:
    """Go to the options that were asked for by name, else to the first index's."""
    asked = request.GET.get("symbol", "").strip()
    if asked:
        return redirect("options-page", asked)
    found = underlyings()
    if not found:
        return render(request, "marketdata/options_empty.html")
    return redirect("options-page", str(found[0]))


@login_required
@never_cache
def page(request: HttpRequest, symbol: str) -> HttpResponse:
    underlying = _named(symbol)
    at = _past(request)
    listed = chain.expiries_of(
        underlying, contracts.day_of(underlying, at or timezone.now())
    )
    context: dict[str, Any] = {
        "underlying": underlying,
        "others": underlyings(),
        "expiries": listed,
        "at": at,
        "asked_at": _local(at, underlying),
        "is_refused": at is None and bool(request.GET.get("at", "").strip()),
        "widths": WIDTHS,
    }
    if listed:
        context |= _sight(request, _expiry(request, listed), at)
        context["config"] = _config(context["chain"], at)
    return render(request, "marketdata/options.html", context)


@live_part
def sight(request: HttpRequest) -> HttpResponse:
    underlying = _named(request.GET.get("symbol", ""))
    at = _past(request)
    day = contracts.day_of(underlying, at or timezone.now())
    listed = chain.expiries_of(underlying, day)
    if not listed:
        raise Http404("No options are listed.")
    context = _sight(request, _expiry(request, listed), at)
    return render(request, "marketdata/_options_sight.html", context)


def underlyings() -> list[Instrument]:
    """Return what has options listed now, indices first."""
    found = Instrument.objects.filter(
        pk__in=Instrument.objects.filter(
            kind=Instrument.Kind.OPTION, is_active=True, underlying__isnull=False
        )
        .order_by()
        .values("underlying_id")
        .distinct()
    )
    return list(found.select_related("exchange").order_by("kind", "id")[:30])


def _named(symbol: str) -> Instrument:
    try:
        return names.find(symbol)
    except (Instrument.DoesNotExist, names.AmbiguousSymbolError) as error:
        raise Http404(f"No instrument is called {symbol[:96]}.") from error


def _past(request: HttpRequest) -> datetime | None:
    """Return the past minute that was asked for; None means now."""
    text = request.GET.get("at", "").strip()
    try:
        at = parse_datetime(text) if text else None
    except ValueError:
        return None
    if at is None:
        return None
    if timezone.is_naive(at):
        at = timezone.make_aware(at, ZoneInfo(settings.DISPLAY_TIME_ZONE))
    return at if at <= timezone.now() else None


def _local(at: datetime | None, underlying: Instrument) -> str:
    """Return the instant as the form's field writes it, on the exchange's clock."""
    if at is None:
        return ""
    zone = ZoneInfo(underlying.exchange.timezone)
    return f"{at.astimezone(zone):%Y-%m-%dT%H:%M}"


def _expiry(request: HttpRequest, listed: list[ChainExpiry]) -> ChainExpiry:
    try:
        return chain.expiry_called(request.GET.get("expiry", ""), listed)
    except chain.UnknownExpiryError:
        return listed[0]


def _width(request: HttpRequest) -> int:
    text = request.GET.get("strikes", "")
    known = {str(width): width for width in WIDTHS}
    return known.get(text, _WIDTH)


def _sight(
    request: HttpRequest, expiry: ChainExpiry, at: datetime | None
) -> dict[str, Any]:
    width = _width(request)
    found = chain.snapshot(expiry, at)
    return {
        "chain": found,
        "state": _state(found, at),
        "expiry": expiry,
        "lines": chain_rows.lines(found.around(width)),
        "width": width,
        "curves": _curves(found),
    }


def _state(found: Chain, at: datetime | None) -> str:
    """Return past, live, silent or waiting; closed where silence is as it should be."""
    if at is not None:
        return "past"
    if found.observed_at is None:
        return "waiting"
    if (found.at - found.observed_at).total_seconds() <= SILENT_AFTER_S:
        return "live"
    exchange = found.expiry.underlying.exchange_id
    is_open = calendars.calendars([exchange])[exchange].is_open(found.at)
    return "silent" if is_open else "closed"


def _curves(found: Chain) -> dict[str, Any]:
    """Return what the charts draw: one row per strike that says anything."""
    rows = [
        [
            row.strike,
            row.call and row.call.iv,
            row.put and row.put.iv,
            row.call and row.call.open_interest,
            row.put and row.put.open_interest,
            row.call and row.call.open_interest_change,
            row.put and row.put.open_interest_change,
        ]
        for row in found.around(60)
    ]
    metrics = found.metrics
    return {
        "rows": [row for row in rows if any(value is not None for value in row[1:])],
        "forward": metrics.forward,
        "spot": metrics.spot,
        "maxPain": metrics.max_pain,
        "move": metrics.expected_move,
    }


def _config(found: Chain, at: datetime | None) -> dict[str, Any]:
    """Return what the page's script starts from."""
    sides = (side for row in found.strikes for side in (row.call, row.put))
    lot_size = next((side.lot_size for side in sides if side), 1)
    return {
        "symbol": str(found.expiry.underlying),
        "expiry": found.expiry.expires_on.isoformat(),
        "at": at.isoformat() if at else None,
        "lotSize": lot_size,
        "metricsUrl": reverse("options:expiry-metrics"),
        "payoffUrl": reverse("options:payoff"),
        "scenariosUrl": reverse("options:scenarios"),
    }
