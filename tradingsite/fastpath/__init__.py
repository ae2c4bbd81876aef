"""The short way of ``/udf/history``: in front of Django, and what Django would answer.

Who may pass is never decided here. A request that nobody like it made within the last
moments goes the long way, through every middleware to the view; when that answered
200, requests that look the same (headers, address, scheme) may be answered from
memory until ``ADMITTED_S`` after it set out, with the headers it came back with. So a
key or a session that is revoked, a user who may not log in any more, a database that
is gone are felt within that time, each as the view says it.

Who is limited is counted beforehand: the long way takes a lease of further requests
from the shared count, and the short way goes no further than the lease.

What is answered is no older than ``LOOK_S``: so long ago at most PostgreSQL was asked
what changed. In any doubt (no plain question, an error to tell, nothing at hand in
time, a failure, no room) the request goes the long way.

Two doors lead here: the application's (``__call__``), and the hatch of
``tradingsite.protocol`` (``at_once``) for answers that need not wait for anything.
"""

import asyncio
import itertools
import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from typing import Any, TypeVar

from django.conf import settings
from django.db import connection
from prometheus_client import Histogram

from marketdata.history import watch
from marketdata.history.asking import Need
from marketdata.history.memory import Kept
from marketdata.history.watch import Seen
from marketdata.udf import answers
from marketdata.udf.answers import Answers, Asked
from tradingsite import deadline, logs, metrics
from tradingsite.fastpath.admission import Admission, Look, Watched, look_of
from tradingsite.limits import ID_HEADER, Application, Receive, Scope, Send, State
from tradingsite.middleware import EXACT, SANE_ID, TOLD, log_answer
from tradingsite.middleware import logger as requests_logger
from tradingsite.ratelimit import LEASE, Lease

logger = logging.getLogger(__name__)

PATH = "/udf/history"
ROUTE = PATH.removeprefix("/")
LOOK_S = 0.8
# A look that is older is renewed beside the request that noticed.
LOOK_AGAIN_S = 0.4
# So long a request waits for what it needs before it goes the long way.
WAIT_S = 0.3
# So long everything goes the long way after something failed.
PAUSE_S = 1.0
FETCH_S = 10.0
THREADS = 4
MOST_FETCHES = 32
MOST_STEPS = 12
HEAD = b"%bcontent-length: %d\r\n%b: %b\r\n\r\n"
# Who may pass, in bytes: a few thousand of them.
ADMISSIONS = 4 * 1024 * 1024
ADMISSION_SIZE = 2048
Found = TypeVar("Found")


class FastPath:
    """Wraps an application: answers for it what it is known to answer."""

    def __init__(self, application: Application, state: State) -> None:
        self.application = application
        self.state = state
        self.answers = Answers(settings.HISTORY_MEMORY_BYTES)
        self._admissions: Kept[Look, Admission] = Kept(ADMISSIONS)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="history")
        self._fetching: dict[Look, asyncio.Future[Any]] = {}
        # Ids need only differ from one another: chance once, then a count.
        self._ids_begin, self._ids = os.urandom(8).hex().encode(), itertools.count(1)
        self._looked_at = float("-inf")
        self._paused_until = float("-inf")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != PATH or scope["method"] != "GET":
            await self.application(scope, receive, send)
            return
        began = time.monotonic()
        look, offered = look_of(scope)
        admission = self._admissions.get(look)
        if admission is not None and admission.admits(began):
            text = scope["query_string"]
            body = self.known(text, began) or await self.worked_out(text, began)
            if body is not None and admission.lease.use():
                await self.answer(send, admission, body, offered, began)
                return
        await self.go_the_long_way(scope, receive, send, look)

    async def go_the_long_way(
        self, scope: Scope, receive: Receive, send: Send, look: Look
    ) -> None:
        """Let the application answer, and learn from it who may pass."""
        watched = Watched(send)
        scope[EXACT] = True
        since = time.monotonic()
        lease = scope[LEASE] = self.next_lease(look)
        try:
            await self.application(scope, receive, watched.send)
        finally:
            if watched.is_admitted:
                admission = watched.admission(since, scope.get(TOLD, {}), lease)
                self.admit(look, admission)
            elif not watched.is_refused_by_rate:
                self._admissions.drop(look)

    def at_once(self, scope: Scope) -> tuple[bytes, bytes] | None:
        """Return head and body of an answer that is at hand, for the hatch."""
        if scope["path"] != PATH or scope["method"] != "GET":
            return None
        began = time.monotonic()
        look, offered = look_of(scope)
        admission = self._admissions.get(look)
        if admission is None or not admission.is_fresh(began):
            return None
        body = self.known(scope["query_string"], began)
        if body is None or not admission.lease.use():
            return None
        chosen = self.chosen_id(offered)
        self.note(chosen, admission, began)
        lines = admission.head + admission.lease.lines(began)
        return HEAD % (lines, len(body), ID_HEADER, chosen), body

    def next_lease(self, look: Look) -> Lease:
        known = self._admissions.get(look)
        return Lease() if known is None else known.lease.next()

    def admit(self, look: Look, admission: Admission) -> None:
        """Let requests of this look pass, with what was left to those before."""
        known = self._admissions.get(look)
        admission.lease.join(known.lease if known else None)
        self._admissions.put(look, admission, ADMISSION_SIZE)

    async def answer(
        self,
        send: Send,
        admission: Admission,
        body: bytes,
        offered: bytes,
        began: float,
    ) -> None:
        """Send ``body`` as the long way would, count it and log it."""
        chosen = self.chosen_id(offered)
        headers = [
            *admission.headers,
            *admission.lease.headers(began),
            (b"content-length", b"%d" % len(body)),
            (ID_HEADER, chosen),
        ]
        start = {"type": "http.response.start", "status": 200, "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": body})
        self.note(chosen, admission, began)

    def note(self, chosen: bytes, admission: Admission, began: float) -> None:
        took_s = time.monotonic() - began
        self.taken.observe(took_s)
        if requests_logger.isEnabledFor(logging.INFO):
            # Through the hatch the context is the connection's: it keeps no id.
            before = logs.correlation_id.set(chosen.decode())
            log_answer("GET", PATH, ROUTE, 200, took_s, admission.told)
            logs.correlation_id.reset(before)

    @cached_property
    def taken(self) -> Histogram:
        """Return where the times of answers are counted."""
        return metrics.current().requests.labels("GET", ROUTE, 200)

    def chosen_id(self, offered: bytes) -> bytes:
        """Return the id offered, if it is sane; else a new one."""
        if offered and SANE_ID.fullmatch(offered.decode("latin-1")):
            return offered
        return b"%b%016x" % (self._ids_begin, next(self._ids))

    @property
    def is_full(self) -> bool:
        running = self.state.running
        return running > 0 and running >= settings.REQUEST_CONCURRENCY

    def known(self, text: bytes, now: float) -> bytes | None:
        """Return an answer that needs nothing."""
        age_s = now - self._looked_at
        if age_s > LOOK_S or self.is_full:
            return None
        if age_s > LOOK_AGAIN_S:
            self.fetch(self.look(now))
        return self.answers.known(text)

    async def worked_out(self, text: bytes, now: float) -> bytes | None:
        """Return the answer once it is put together; None when another must answer."""
        asked = answers.read(text)
        is_busy = self.is_full or len(self._fetching) >= MOST_FETCHES
        if asked is None or is_busy or now < self._paused_until:
            return None
        self.state.running += 1
        try:
            return await self.put_together(asked, until=now + WAIT_S)
        finally:
            self.state.running -= 1

    async def put_together(self, asked: Asked, until: float) -> bytes | None:
        for _ in range(MOST_STEPS):
            now = time.monotonic()
            if now - self._looked_at > LOOK_S:
                step: bytes | Need | None = self.look(now)
            else:
                step = self.answers.step(asked, time.time())
            if not isinstance(step, Need):
                return step
            if not await self.fetched(step, until):
                return None
        return None

    def look(self, now: float) -> Need:
        """Return the need to see what has changed."""
        seen = self.answers.serving.seen
        since = seen.xmin if seen else watch.NOTHING_YET

        def take(found: Seen) -> None:
            self.answers.take_look(found)
            self._looked_at = now

        return Need(("look",), lambda: watch.look(since), take)

    async def fetched(self, need: Need, until: float) -> bool:
        """Wait for ``need``; tell whether it came in time."""
        fetching = self.fetch(need)
        left_s = max(0.0, until - time.monotonic())
        done, _ = await asyncio.wait({fetching}, timeout=left_s)
        return bool(done) and fetching.exception() is None

    def fetch(self, need: Need) -> asyncio.Future[Any]:
        """Begin to fetch ``need``, unless the same is being fetched."""
        fetching = self._fetching.get(need.name)
        if fetching is None:
            loop = asyncio.get_running_loop()
            fetching = loop.run_in_executor(self._threads, fetch_in_thread, need.fetch)
            self._fetching[need.name] = fetching
            fetching.add_done_callback(partial(self.take, need))
        return fetching

    def take(self, need: Need, fetching: asyncio.Future[Any]) -> None:
        self._fetching.pop(need.name, None)
        if fetching.cancelled():
            return
        error = fetching.exception()
        if error is None:
            need.take(fetching.result())
            return
        self._paused_until = time.monotonic() + PAUSE_S
        logger.warning("%s could not be fetched: %s", need.name[0], error)


def fetch_in_thread(fetch: Callable[[], Found]) -> Found:
    """Fetch within a time limit, and keep no connection from others."""
    try:
        with deadline.budget(FETCH_S):
            return fetch()
    finally:
        connection.close()
