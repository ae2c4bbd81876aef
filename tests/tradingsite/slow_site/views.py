"""Views that sleep, query slowly, write slowly, or use the cache often."""

import asyncio
import time

from django.core.cache import cache
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from tradingsite.models import Process


def seconds(request: HttpRequest) -> float:
    return float(request.GET["s"])


def sleep(request: HttpRequest) -> HttpResponse:
    time.sleep(seconds(request))
    return HttpResponse("slept")


async def sleep_async(request: HttpRequest) -> HttpResponse:
    await asyncio.sleep(seconds(request))
    return HttpResponse("slept")


def query(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s), 'of the slow site'", [seconds(request)])
    return HttpResponse("queried")


@csrf_exempt
@transaction.atomic
def write(request: HttpRequest) -> HttpResponse:
    Process.objects.create(name="half-written", kind="test")
    time.sleep(1.2)
    return query(request)


def cached(request: HttpRequest) -> HttpResponse:
    found = [cache.get(f"key-{number}") for number in range(3)]
    return HttpResponse(str(found))


def broken(request: HttpRequest) -> HttpResponse:
    raise LookupError("password=hunter2 is not to be seen")
