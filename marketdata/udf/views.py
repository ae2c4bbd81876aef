"""The addresses under ``/udf/``: each reads its question, asks once and answers."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from marketdata.models import Exchange, Instrument
from marketdata.udf import bars, names, symbols
from marketdata.udf.protocol import UdfError, answer, endpoint, integer, json_body


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
    question = bars.Question.read(request)
    return json_body(bars.body(_instrument(request), question))


def _instrument(request: HttpRequest) -> Instrument:
    try:
        return names.find(request.GET.get("symbol", ""))
    except Instrument.DoesNotExist:
        raise UdfError("unknown_symbol") from None
    except names.AmbiguousSymbolError:
        raise UdfError("ask for EXCHANGE:SYMBOL, more than one has this name") from None
