"""The addresses under ``/udf/``: each reads its question, asks once and answers."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from marketdata.marks import Asked, Place
from marketdata.models import Exchange, Instrument
from marketdata.udf import bars, names, symbols
from marketdata.udf import marks as chart_marks
from marketdata.udf import quotes as chart_quotes
from marketdata.udf.protocol import (
    UdfError,
    answer,
    endpoint,
    integer,
    json_body,
    principal_of,
)


@endpoint
def config(request: HttpRequest) -> HttpResponse:
    exchanges = Exchange.objects.order_by("code").values_list("code", "name")
    return answer(symbols.datafeed(list(exchanges)))


@endpoint
def time(request: HttpRequest) -> HttpResponse:
    now = str(int(timezone.now().timestamp()))
    return HttpResponse(now, content_type="text/plain; charset=utf-8")


@endpoint
def symbol(request: HttpRequest) -> HttpResponse:
    return answer(symbols.description(_instrument(request), timezone.now()))


@endpoint
def search(request: HttpRequest) -> HttpResponse:
    limit = integer(request, "limit")
    if limit is not None and limit < 1:
        raise UdfError("limit must be at least 1")
    found = symbols.search(
        request.GET.get("query", ""),
        kind=request.GET.get("type", ""),
        exchange=request.GET.get("exchange", ""),
        limit=limit or symbols.MAX_FOUND,
    )
    return answer(found)


@endpoint
def history(request: HttpRequest) -> HttpResponse:
    question = bars.Question.read(request.GET)
    return json_body(bars.body(_instrument(request), question))


@endpoint
def marks(request: HttpRequest) -> HttpResponse:
    return answer(chart_marks.on_bars(_marks(request, Place.BAR)))


@endpoint
def timescale_marks(request: HttpRequest) -> HttpResponse:
    return answer(chart_marks.on_scale(_marks(request, Place.SCALE)))


@endpoint
def quotes(request: HttpRequest) -> HttpResponse:
    wanted = chart_quotes.asked(request.GET.get("symbols", ""))
    return answer(chart_quotes.answer(wanted))


@endpoint
def symbol_info(request: HttpRequest) -> HttpResponse:
    group = request.GET.get("group", "").upper()
    if not _is_exchange(group):
        raise UdfError("unknown group: ask for an exchange that /udf/config lists")
    return answer(symbols.group(group, timezone.now()))


def _is_exchange(code: str) -> bool:
    is_text = bool(code) and "\0" not in code
    return is_text and Exchange.objects.filter(pk=code).exists()


def _marks(request: HttpRequest, place: Place) -> Asked:
    principal = principal_of(request)
    return chart_marks.asked(
        _instrument(request),
        request.GET,
        user_id=principal.user_id if principal else 0,
        place=place,
    )


def _instrument(request: HttpRequest) -> Instrument:
    try:
        return names.find(request.GET.get("symbol", ""))
    except Instrument.DoesNotExist:
        raise UdfError("unknown_symbol") from None
    except names.AmbiguousSymbolError:
        raise UdfError("ask for EXCHANGE:SYMBOL, more than one has this name") from None
