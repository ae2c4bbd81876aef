"""The desk overview: what runs and what moves, on one page that refreshes itself.

The page shows both parts at once and asks again for each: the market every few
seconds, the system less often.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from itertools import groupby
from typing import Any

from asgiref.sync import async_to_sync
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django_htmx.http import HttpResponseClientRedirect

from marketdata import overview
from marketdata.models import Instrument
from tradingsite import readiness
from tradingsite.models import Process

GROUPS = {
    Instrument.Kind.INDEX: "Indices",
    Instrument.Kind.FUTURE: "Futures",
    Instrument.Kind.STOCK: "Stocks",
}
SPARK_WIDTH, SPARK_HEIGHT, SPARK_MARGIN = 120, 28, 2

View = Callable[[HttpRequest], HttpResponse]


def live_part(view: View) -> View:
    """Send a page whose session ended to the log-in, not the log-in into the page."""

    @wraps(view)
    def checked(request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            return view(request)
        return HttpResponseClientRedirect(f"{reverse('login')}?next={reverse('desk')}")

    return never_cache(checked)


@login_required
@never_cache
def desk(request: HttpRequest) -> HttpResponse:
    return render(request, "tradingsite/desk.html", {**_market(), **_system()})


@live_part
def desk_market(request: HttpRequest) -> HttpResponse:
    return render(request, "tradingsite/_market.html", _market())


@live_part
def desk_system(request: HttpRequest) -> HttpResponse:
    # The page itself does not wait for this: a part that hangs takes a second.
    parts = async_to_sync(readiness.checks().all)()
    return render(request, "tradingsite/_system.html", {**_system(), "parts": parts})


def _market() -> dict[str, Any]:
    watched = overview.watched()
    groups = [
        (GROUPS[kind], [(row, spark(row.day.closes)) for row in group])
        for kind, group in groupby(watched, key=lambda row: row.instrument.kind)
    ]
    exchanges = {row.instrument.exchange_id for row in watched}
    return {"feed": overview.feed(timezone.now(), exchanges), "groups": groups}


def _system() -> dict[str, Any]:
    return {"processes": Process.objects.all(), "now": timezone.now()}


def spark(closes: Sequence[float]) -> str:
    """Return the points of a small line through ``closes``; nothing for one point."""
    if not closes or len(closes) == 1:
        return ""
    low, high = min(closes), max(closes)
    step = SPARK_WIDTH / (len(closes) - 1)
    height = (SPARK_HEIGHT - 2 * SPARK_MARGIN) / ((high - low) or 1)
    return " ".join(
        f"{index * step:.1f},{SPARK_HEIGHT - SPARK_MARGIN - (close - low) * height:.1f}"
        for index, close in enumerate(closes)
    )
