"""The desk overview: what runs and what moves, on one page that refreshes itself.

The page shows both parts at once and asks again for each: the market every few
seconds, the system less often.
"""

from itertools import groupby
from typing import Any

from asgiref.sync import async_to_sync
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache

from marketdata import overview
from marketdata.models import Instrument
from tradingsite import readiness
from tradingsite.models import Process
from tradingsite.pages import live_part, spark

GROUPS = {
    Instrument.Kind.INDEX: "Indices",
    Instrument.Kind.FUTURE: "Futures",
    Instrument.Kind.STOCK: "Stocks",
}


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
