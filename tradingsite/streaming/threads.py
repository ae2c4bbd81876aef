"""Questions to the database, in threads that no other socket waits for.

``database_sync_to_async`` runs everything on one thread unless told otherwise: one
slow question would keep all sockets of the process waiting.

What clients ask for and what the process asks for itself (who may stay, what is new in
the journal) have threads of their own: whatever clients ask, nobody stays for longer.
"""

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar, cast

from channels.db import database_sync_to_async

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")


def in_thread(
    function: Callable[Parameters, Answer], threads: ThreadPoolExecutor | None = None
) -> Callable[Parameters, Awaitable[Answer]]:
    """Return ``function`` as async; its connection goes back to the pool afterwards.

    Without ``threads`` it runs on those that all clients share.
    """
    made = database_sync_to_async(function, thread_sensitive=False, executor=threads)
    return cast("Callable[Parameters, Awaitable[Answer]]", made)
