"""HTTP to a broker: a breaker, a deadline for the whole answer, retries for reads.

The breakers belong to the process, one per address and family of calls, so that they
outlive the object that asked. ``httpx`` limits each wait but not their sum: a body
that drips is cut off here by the deadline, and one that never ends by its size.
"""

import functools
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import msgspec
from django.db import connection

from accounts.brokers.errors import (
    BrokerError,
    BrokerNeedsHuman,
    BrokerTimedOut,
    BrokerUnavailable,
    BrokerUnreadable,
)
from tradingsite.breaker import BreakerOpen, CircuitBreaker, Limits

Answer = TypeVar("Answer")
# What a call says of an answer that is no success.
Refusal = Callable[[httpx.Response], BrokerError]

CALL_S = 4.0
TRIES = 2
FIRST_WAIT_S = 0.1
MOST_BYTES = 8 * 1024 * 1024
# Syncs come once a minute and account: the window is long enough to see several.
LIMITS = Limits(
    window_s=120,
    minimum_calls=8,
    slow_call_s=CALL_S,
    open_s=15.0,
    opened_by=(BrokerTimedOut,),
    ignored=(BrokerNeedsHuman,),
)
_clients: dict[str, httpx.Client] = {}
_clients_lock = threading.Lock()


class Deadline:
    """Until when all calls of one errand must be done."""

    def __init__(
        self, within_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._ends_at = clock() + within_s

    def left_s(self) -> float:
        return self._ends_at - self._clock()


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: ``family`` chooses the breaker."""

    family: str
    method: str
    path: str
    params: Mapping[str, Any] | None = None
    form: Mapping[str, Any] | None = None


class Caller:
    """Asks one address for one account; ``headers`` hold what proves who asks."""

    def __init__(
        self, name: str, url: str, refusal: Refusal, headers: Mapping[str, str]
    ) -> None:
        self.name, self.url = name, url.rstrip("/")
        self._refusal = refusal
        self._headers = dict(headers)

    def __repr__(self) -> str:
        return f"Caller({self.name!r}, {self.url!r})"

    def read(self, ask: Ask, shape: type[Answer], deadline: Deadline) -> Answer:
        """Return the answer as ``shape``; ask again once when it failed for now."""
        for attempt in range(TRIES):
            try:
                return self.write(ask, shape, deadline)
            except BrokerTimedOut:
                raise
            except BrokerUnavailable:
                if attempt + 1 == TRIES or deadline.left_s() <= FIRST_WAIT_S:
                    raise
                time.sleep(FIRST_WAIT_S * random.uniform(0.5, 1.5))  # noqa: S311
        raise AssertionError("unreachable")

    def write(self, ask: Ask, shape: type[Answer], deadline: Deadline) -> Answer:
        """Return the answer as ``shape``, asked for once: a second try could double."""
        refuse_inside_transaction()
        try:
            with breaker(self.name, self.url, ask.family).guard():
                return self._decoded(ask, self._whole(ask, deadline), shape)
        except BreakerOpen as error:
            # People read this: no address, and nothing that differs each time.
            text = f"{self.name} does not answer; it is asked again in a moment."
            raise BrokerUnavailable(text, error.retry_after_s) from error

    def _whole(self, ask: Ask, deadline: Deadline) -> bytes:
        within_s = min(CALL_S, deadline.left_s())
        if within_s <= 0:
            raise BrokerTimedOut(f"{self.name}: no time is left for {ask.path}.")
        call_ends = Deadline(within_s)
        timeout = httpx.Timeout(within_s, connect=min(1.0, within_s))
        try:
            with client(self.url).stream(
                ask.method, ask.path, params=ask.params, data=ask.form,
                headers=self._headers, timeout=timeout,
            ) as answer:  # fmt: skip
                body = self._body(answer, call_ends)
                if not answer.is_success:
                    raise self._refusal(_read(answer, body))
                return body
        except httpx.ReadTimeout as error:
            raise BrokerTimedOut(f"{self.name}: {ask.path} took too long.") from error
        except httpx.HTTPError as error:
            text = f"{self.name}: {ask.path}: {type(error).__name__}"
            raise BrokerUnavailable(text) from error

    def _body(self, answer: httpx.Response, ends: Deadline) -> bytes:
        body = bytearray()
        for part in answer.iter_bytes():
            body += part
            if ends.left_s() <= 0:
                raise BrokerTimedOut(f"{self.name}: the answer came too slowly.")
            if len(body) > MOST_BYTES:
                raise BrokerUnreadable(f"{self.name}: the answer is too large.")
        return bytes(body)

    def _decoded(self, ask: Ask, body: bytes, shape: type[Answer]) -> Answer:
        try:
            return msgspec.json.decode(body, type=shape)
        except msgspec.ValidationError as error:
            text = f"{self.name}: {ask.path} has an unknown shape: {error}"
            raise BrokerUnreadable(text) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            # A proxy's page, or a body that was cut off.
            text = f"{self.name}: {ask.path} is not JSON."
            raise BrokerUnavailable(text) from error


def refuse_inside_transaction() -> None:
    """Raise when the caller holds a transaction open; the one around a test is none."""
    blocks = connection.atomic_blocks
    if any(not getattr(block, "_from_testcase", False) for block in blocks):
        raise RuntimeError("A broker was called inside a database transaction.")


def _read(answer: httpx.Response, body: bytes) -> httpx.Response:
    return httpx.Response(answer.status_code, headers=answer.headers, content=body)


@functools.lru_cache(maxsize=64)
def breaker(name: str, url: str, family: str) -> CircuitBreaker:
    """Return the breaker for a family of calls to an address."""
    return CircuitBreaker(f"{name} {family} {url}", LIMITS)


def client(url: str) -> httpx.Client:
    """Return the shared connections to an address; who asks stands in each request."""
    with _clients_lock:
        if url not in _clients:
            _clients[url] = httpx.Client(
                base_url=url, trust_env=False, follow_redirects=False
            )
        return _clients[url]


def forget(url: str) -> None:
    """Close the connections to an address that will not be asked again."""
    with _clients_lock:
        gone = _clients.pop(url.rstrip("/"), None)
    if gone is not None:
        gone.close()
