"""The limit of every request: counted before its view, told with its answer."""

import logging
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.module_loading import import_string
from redis.exceptions import RedisError

from tradingsite import metrics
from tradingsite.middleware import BothWorlds, GetResponse
from tradingsite.problems import Problem, wants_page
from tradingsite.ratelimit.asking import Asker
from tradingsite.ratelimit.counting import Allowance, Verdict, take
from tradingsite.ratelimit.families import Family, family_of
from tradingsite.ratelimit.leases import LEASE, Lease, told_of
from tradingsite.ratelimit.local import LocalCounts

logger = logging.getLogger(__name__)

AskerOf = Callable[[HttpRequest], Asker]
Told = dict[str, str]


class RateLimits(BothWorlds):
    """Answers 429 to who has used up an allowance; tells the others how it stands."""

    def __init__(self, get_response: GetResponse) -> None:
        super().__init__(get_response)
        self.local = LocalCounts(time.monotonic)

    def __call__(self, request: HttpRequest) -> Any:
        family = family_of(request.path_info)
        if family is None or not settings.RATE_LIMIT_PLANS:
            return self.get_response(request)
        if iscoroutinefunction(self.get_response):
            return self.limited_async(request, family)
        verdict = self.judge(request, family)
        told, refusal = answer_of(request, family, verdict)
        return tell(refusal or self.get_response(request), told)

    async def limited_async(
        self, request: HttpRequest, family: Family
    ) -> HttpResponseBase:
        verdict = await sync_to_async(self.judge)(request, family)
        # In the loop's own thread, where leases are used.
        told, refusal = answer_of(request, family, verdict)
        return tell(refusal or await self.get_response(request), told)

    def judge(self, request: HttpRequest, family: Family) -> Verdict | None:
        """Count the request; None when whoever asks has no limit."""
        asker = cast("AskerOf", import_string(settings.RATE_LIMIT_ASKER))(request)
        allowances = asker.allowances(family)
        if not allowances:
            return None
        return self.count(allowances, family, lease_of(request).wanted)

    def count(
        self, allowances: list[Allowance], family: Family, wanted: int
    ) -> Verdict:
        try:
            return take(allowances, wanted=wanted)
        except RedisError as error:
            logger.warning("Requests are counted by each process alone: %s", error)
        alone = [
            Allowance(each.key, family.local(each.limit), each.window_s)
            for each in allowances
        ]
        return self.local.take(alone)


def answer_of(
    request: HttpRequest, family: Family, verdict: Verdict | None
) -> tuple[Told, HttpResponseBase | None]:
    """Return what to tell, and the refusal if it is one."""
    if verdict is None:
        return {}, None
    lease = lease_of(request)
    is_allowed = verdict.is_allowed or lease.draws(verdict)
    lease.grant(verdict, family.name)
    told = told_of(verdict, family.name, verdict.leased, verdict.reset_s)
    if is_allowed:
        return told, None
    metrics.current().requests_refused.labels("rate").inc()
    return told, refusal_of(request, verdict)


def lease_of(request: HttpRequest) -> Lease:
    """Return the lease that the request's short way wants; one that wants nothing."""
    if not isinstance(request, ASGIRequest):
        return Lease()
    lease = cast("dict[str, Any]", request.scope).get(LEASE)
    return lease if isinstance(lease, Lease) else Lease()


def refusal_of(request: HttpRequest, verdict: Verdict) -> HttpResponseBase:
    problem = Problem(
        status=HTTPStatus.TOO_MANY_REQUESTS,
        code="rate_limited",
        detail="Too many requests; the limit and its end stand in the headers.",
        headers={"Retry-After": str(verdict.reset_s)},
    )
    return problem.page() if wants_page(request) else problem.response(request)


def tell(response: HttpResponseBase, told: Told) -> HttpResponseBase:
    for name, text in told.items():
        response.headers[name] = text
    return response
