"""The gap map page: what is missing of which session, live, and repair for staff."""

from dataclasses import asdict, dataclass, fields
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from marketdata.gaps import listing
from marketdata.gaps.listing import Filter
from marketdata.gaps.runs import runs_of
from marketdata.models import Exchange, SessionGap, TickerSubscription
from marketdata.serializers.gaps import GapQuery, filter_of
from tradingsite.pages import live_part

FIELDS = tuple(each.name for each in fields(Filter))
ON_A_PAGE = 50
MOST_DAYS = 12


@dataclass(frozen=True, slots=True)
class Stretch:
    """A run of minutes on the strip of a session, in minutes from its opening."""

    kind: str
    begin: int
    length: int


@dataclass(frozen=True, slots=True)
class Line:
    """One session of the table, and the strip that draws it."""

    gap: SessionGap
    stretches: list[Stretch]


@login_required
@never_cache
def gap_map(request: HttpRequest) -> HttpResponse:
    context = _context(request) | {
        "exchanges": Exchange.objects.values_list("code", flat=True),
        "statuses": [each for each in SessionGap.Status if each != "whole"],
    }
    status = HTTPStatus.BAD_REQUEST if context["errors"] else HTTPStatus.OK
    return render(request, "marketdata/gap_map.html", context, status=status)


@live_part
def gap_map_part(request: HttpRequest) -> HttpResponse:
    return render(request, "marketdata/_gap_map.html", _context(request))


@login_required
@require_POST
def repair(request: HttpRequest) -> HttpResponse:
    """Ask now for what the filter shows; only staff may."""
    if not getattr(request.user, "is_staff", False):
        raise PermissionDenied
    chosen, errors = _filter(request.POST)
    if errors:
        messages.error(request, "That part of the map cannot be repaired.")
    else:
        sessions = listing.repair_now(chosen, source=request)
        messages.success(request, f"{sessions} sessions are asked for now.")
    given = {name: value for name, value in asdict(chosen).items() if value}
    return redirect(reverse("gap-map", query=given))


def _filter(given: QueryDict) -> tuple[Filter, dict[str, Any]]:
    """Return what the form chose, or nothing of it and what is wrong."""
    asked = {name: given[name] for name in FIELDS if given.get(name)}
    query = GapQuery(data=asked)
    if not query.is_valid():
        return Filter(), dict(query.errors)
    return filter_of(query.validated_data), {}


def _context(request: HttpRequest) -> dict[str, Any]:
    chosen, errors = _filter(request.GET)
    number = request.GET.get("page")
    page = Paginator(listing.gaps(chosen), ON_A_PAGE).get_page(number)
    given = {name: value for name, value in asdict(chosen).items() if value}
    return {
        "chosen": chosen,
        "query": urlencode({**given, "page": page.number}),
        "filter_query": urlencode(given),
        "errors": errors,
        "days": listing.progress(chosen)[:MOST_DAYS],
        "page": page,
        "lines": _lines(page),
        "subscribed": TickerSubscription.objects.count(),
        "now": timezone.now(),
    }


def _lines(page: Page[SessionGap]) -> list[Line]:
    return [Line(gap, _stretches(gap)) for gap in page.object_list]


def _stretches(gap: SessionGap) -> list[Stretch]:
    return [
        Stretch(kind, run.begin, run.length)
        for kind, minutes in (("missing", gap.missing), ("quiet", gap.quiet))
        for run in runs_of(minutes)
    ]
