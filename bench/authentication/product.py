"""The doors of the product: who asks, for a session, a key and a token.

``python -m bench.authentication.product TIMES`` reports, for each door, the median time
of one answer of ``principal_of`` in microseconds: warm, with the looks at what was
revoked that fall into it, and cold, when nothing was proven yet. Each is a new request.
"""

import os
import statistics
import sys
import time
from importlib import import_module

import django

django.setup()

from django.conf import settings  # noqa: E402 - Django must be set up first
from django.contrib.auth import (  # noqa: E402
    BACKEND_SESSION_KEY,
    HASH_SESSION_KEY,
    SESSION_KEY,
)
from django.http import HttpRequest  # noqa: E402
from django.test import RequestFactory  # noqa: E402
from django.utils import timezone  # noqa: E402

from accounts import log_ins, tokens  # noqa: E402
from accounts.authentication import Origin, memory, principal_of  # noqa: E402
from accounts.models import ApiKey, User  # noqa: E402
from bench.children import tell  # noqa: E402

COLD = 200


def main(times: int) -> None:
    user = User.objects.create_user(f"bench-{os.getpid()}")
    for door, headers in doors(user).items():
        warm = [asked_us(headers) for _ in range(times)]
        cold = [asked_us(headers, is_cold=True) for _ in range(COLD)]
        tell(
            door=door,
            warm_us=statistics.median(warm),
            p99_us=statistics.quantiles(warm, n=100)[-1],
            cold_us=statistics.median(cold),
        )


def doors(user: User) -> dict[str, dict[str, str]]:
    """Return what a request shows at each door."""
    now = timezone.now()
    key = ApiKey.objects.issue(
        user_id=user.pk, name="bench", scopes=["read:market"], now=now
    )
    family = log_ins.family_of(
        user,
        scopes=frozenset({"read:market"}),
        origin=Origin("127.0.0.1", "bench"),
        proven_at=now,
    )
    access = tokens.begin(family, now=now).access
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.create()
    return {
        "session": {
            "HTTP_COOKIE": f"{settings.SESSION_COOKIE_NAME}={store.session_key}"
        },
        "key": {"HTTP_AUTHORIZATION": f"Bearer {key.text}"},
        "token": {"HTTP_AUTHORIZATION": f"Bearer {access}"},
    }


def asked_us(headers: dict[str, str], *, is_cold: bool = False) -> float:
    request: HttpRequest = RequestFactory().get("/udf/time")
    request.META.update(headers)
    if is_cold:
        memory.of_this_process.cache_clear()
    began = time.perf_counter_ns()
    principal = principal_of(request)
    took_ns = time.perf_counter_ns() - began
    if principal is None:
        raise AssertionError("Nobody was let in.")
    return took_ns / 1000


if __name__ == "__main__":
    main(int(sys.argv[1]))
