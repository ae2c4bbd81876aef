"""Questions to the database, in threads that no other socket waits for.

``database_sync_to_async`` runs everything on one thread unless told otherwise: one
slow question would keep all sockets of the process waiting.
"""

from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar, cast

from channels.db import database_sync_to_async

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")


def in_thread(
    function: Callable[Parameters, Answer],
) -> Callable[Parameters, Awaitable[Answer]]:
    """Return ``function`` as async; its connection goes back to the pool afterwards."""
    made = database_sync_to_async(function, thread_sensitive=False)
    return cast("Callable[Parameters, Awaitable[Answer]]", made)
