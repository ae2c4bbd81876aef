"""The monitor page: an underlying, its futures, and its options around the money.

The page shows all of it at once; one part of it asks again every two seconds, the
order book beside it does so by itself.
"""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache

from marketdata import depth, monitor, overview, quotes
from marketdata.depth import Side
from marketdata.models import Instrument
from marketdata.udf import names
from tradingsite.pages import live_part, spark

# What a trade of so many lots would cost.
_LOTS = (1, 10, 50)


@login_required
@never_cache
def page(request: HttpRequest) -> HttpResponse:
    underlyings = monitor.underlyings()
    if not underlyings:
        return render(request, "marketdata/monitor_empty.html")
    underlying = _asked(request, "symbol") or underlyings[0]
    context = _sight(request, underlying)
    context["tabs"] = [row for row in underlyings if row.kind == Instrument.Kind.INDEX]
    context["others"] = [row for row in underlyings if row not in context["tabs"]]
    context |= _book(_asked(request, "book") or _front(context["sight"]))
    return render(request, "marketdata/monitor.html", context)


@live_part
def sight(request: HttpRequest) -> HttpResponse:
    underlying = _asked(request, "symbol")
    if underlying is None:
        raise Http404("No symbol.")
    return render(request, "marketdata/_sight.html", _sight(request, underlying))


@live_part
def book(request: HttpRequest) -> HttpResponse:
    return render(request, "marketdata/_book.html", _book(_asked(request, "book")))


def _asked(request: HttpRequest, parameter: str) -> Instrument | None:
    name = request.GET.get(parameter, "")
    if not name:
        return None
    try:
        return names.find(name)
    except (Instrument.DoesNotExist, names.AmbiguousSymbolError) as error:
        raise Http404(f"No instrument is called {name[:96]}.") from error


def _sight(request: HttpRequest, underlying: Instrument) -> dict[str, Any]:
    now = timezone.now()
    found = monitor.look(underlying, now=now, expiry=request.GET.get("expiry", ""))
    return {
        "sight": found,
        "points": spark(found.day.closes),
        "feed": overview.feed(now, {underlying.exchange_id}),
    }


def _front(found: monitor.Sight) -> Instrument | None:
    """Return whose book is shown when nobody chose: the nearest future's."""
    return next((line.contract for line in found.futures if line.days_left >= 0), None)


def _book(instrument: Instrument | None) -> dict[str, Any]:
    if instrument is None:
        return {"instrument": None}
    seen = quotes.last_book(instrument)
    buy, sell = seen.book.side(Side.BUY), seen.book.side(Side.SELL)
    return {
        "instrument": instrument,
        "state": quotes.freshness(seen.at, timezone.now()),
        "buy": buy,
        "sell": sell,
        "most": max((level.quantity for level in [*buy, *sell]), default=0),
        "measured": depth.measure(seen.book),
        "costs": [
            (lots, depth.cost_to_trade(seen.book, Side.BUY, lots * instrument.lot_size))
            for lots in _LOTS
        ],
    }
