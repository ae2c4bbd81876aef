"""Where browsers report what a page tried against its policy."""

import logging
from http import HTTPStatus
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from tradingsite.access import EVERYBODY, open_to
from tradingsite.problems import problem

logger = logging.getLogger("tradingsite.csp")

MOST_BYTES = 16 * 1024
MOST_REPORTS = 20
MOST_CHARACTERS = 200
# What is told, as the two kinds of reports call it.
TOLD = {
    "document": ("document-uri", "documentURL"),
    "blocked": ("blocked-uri", "blockedURL"),
    "directive": ("effective-directive", "effectiveDirective"),
}


@open_to(EVERYBODY)
@csrf_exempt
@require_POST
def csp_report(request: HttpRequest) -> HttpResponse:
    """Log what was blocked; anybody may write here, so little of it is believed."""
    reports = reports_in(request.read(MOST_BYTES + 1))
    if not reports:
        return problem(request, HTTPStatus.BAD_REQUEST, detail="That is no report.")
    for report in reports[:MOST_REPORTS]:
        logger.warning("A page tried what its policy forbids.", extra=told_of(report))
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


def reports_in(body: bytes) -> list[dict[str, Any]]:
    """Return the bodies of the reports in ``body``: of the old kind, or of the new."""
    if len(body) > MOST_BYTES:
        return []
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return []
    entries = found if isinstance(found, list) else [found]
    bodies = [
        entry.get("csp-report") or entry.get("body")
        for entry in entries
        if isinstance(entry, dict)
    ]
    return [body for body in bodies if isinstance(body, dict)]


def told_of(report: dict[str, Any]) -> dict[str, str]:
    """Return what the log says of a report: short, in one line, without a query."""
    return {
        name: _plain(next((report[key] for key in keys if key in report), ""))
        for name, keys in TOLD.items()
    }


def _plain(value: Any) -> str:
    text = str(value).partition("?")[0][:MOST_CHARACTERS]
    return "".join(character if character.isprintable() else "�" for character in text)
