"""How we are: for balancers, for operators, for Prometheus."""

import hmac
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from accounts.authentication import principal_of
from tradingsite import limits, metrics, readiness
from tradingsite.access import EVERYBODY, open_to
from tradingsite.problems import BEARER, problem
from tradingsite.readiness import Status


@open_to(EVERYBODY)
@require_safe
async def live(request: HttpRequest) -> HttpResponse:
    """Answer that this process runs; nothing else is asked."""
    return JsonResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})


@open_to(EVERYBODY)
@require_safe
async def ready(request: HttpRequest) -> HttpResponse:
    """Answer how each part is; 503 only when nothing can be served."""
    parts = await readiness.checks().all()
    status = Status.DRAINING if is_draining(request) else readiness.overall(parts)
    is_out = status in {Status.DRAINING, Status.DOWN}
    return JsonResponse(
        {"status": status, "parts": {part.name: part.as_dict() for part in parts}},
        status=HTTPStatus.SERVICE_UNAVAILABLE if is_out else HTTPStatus.OK,
        headers={"Cache-Control": "no-store"},
    )


def is_draining(request: HttpRequest) -> bool:
    """Tell whether this application was asked to end; WSGI servers do not say."""
    state = getattr(request, "scope", {}).get(limits.STATE)
    return isinstance(state, limits.State) and state.is_draining


@open_to("staff, or the token")
@never_cache
@require_safe
def show_metrics(request: HttpRequest) -> HttpResponse:
    """Show the metrics to staff (session or key) and to the holder of METRICS_TOKEN."""
    if not may_see_metrics(request):
        return problem(
            request, HTTPStatus.UNAUTHORIZED, headers={"WWW-Authenticate": BEARER}
        )
    body = generate_latest(metrics.current().registry)
    return HttpResponse(body, content_type=CONTENT_TYPE_LATEST)


def may_see_metrics(request: HttpRequest) -> bool:
    """Tell whether the metrics are for who asks; being near is not enough."""
    shown = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    token = settings.METRICS_TOKEN
    if token and hmac.compare_digest(shown.encode(), token.encode()):
        return True
    principal = principal_of(request)
    return principal is not None and principal.is_staff
