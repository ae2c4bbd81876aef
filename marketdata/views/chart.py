"""The chart page of an instrument, and where one lands without naming any."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from marketdata.models import Instrument, MinuteBar
from marketdata.udf import names, symbols

_SIMILAR = 6
# Code, label and title of each button.
_BUTTONS = [
    ("1", "1m", "1 minute"),
    ("2", "2m", "2 minutes"),
    ("3", "3m", "3 minutes"),
    ("5", "5m", "5 minutes"),
    ("10", "10m", "10 minutes"),
    ("15", "15m", "15 minutes"),
    ("30", "30m", "30 minutes"),
    ("60", "1h", "1 hour"),
    ("1D", "D", "Day"),
    ("1W", "W", "Week"),
    ("1M", "M", "Month"),
]


@login_required
def first_chart(request: HttpRequest) -> HttpResponse:
    """Go to the chart that was asked for by name, else to the first index."""
    asked = request.GET.get("symbol", "").strip()
    if asked:
        return redirect("chart", asked)
    active = Instrument.objects.filter(is_active=True)
    first = active.filter(kind=Instrument.Kind.INDEX).first() or active.first()
    if first is None:
        return render(request, "marketdata/no_instruments.html")
    return redirect("chart", str(first))


@login_required
def chart(request: HttpRequest, symbol: str) -> HttpResponse:
    try:
        instrument = names.find(symbol)
    except Instrument.DoesNotExist:
        return _unknown(request, symbol)
    except names.AmbiguousSymbolError:
        return _unknown(request, symbol, is_ambiguous=True)
    context = {
        "instrument": instrument,
        "title": symbols.title(instrument),
        "has_volume": symbols.has_volume(instrument),
        "resolutions": _BUTTONS,
        "config": _config(instrument),
    }
    return render(request, "marketdata/chart.html", context)


def _unknown(
    request: HttpRequest, symbol: str, *, is_ambiguous: bool = False
) -> HttpResponse:
    context = {
        "symbol": symbol,
        "is_ambiguous": is_ambiguous,
        "similar": symbols.search(symbol, kind="", exchange="", limit=_SIMILAR),
    }
    return render(request, "marketdata/unknown_symbol.html", context, status=404)


def _config(instrument: Instrument) -> dict[str, Any]:
    """Return what the page's script starts from."""
    pricescale, _ = symbols.price_scale(instrument.tick_size)
    newest = MinuteBar.objects.filter(instrument=instrument).order_by("-opened_at")
    tick = newest.values_list("last_tick_at", flat=True).first()
    return {
        "ticker": str(instrument),
        "timezone": instrument.exchange.timezone,
        "precision": len(str(pricescale)) - 1,
        "resolutions": symbols.RESOLUTION_CODES,
        "historyUrl": reverse("udf:history"),
        "markUrls": {
            "marks": reverse("udf:marks"),
            "timescaleMarks": reverse("udf:timescale-marks"),
        },
        "lastTickAt": tick.timestamp() if tick else None,
    }
