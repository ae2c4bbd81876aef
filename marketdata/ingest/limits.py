"""A limit on how long a database that froze may keep us waiting.

``statement_timeout`` is the server's own: a server that was stopped does not look
at it, and a socket whose peer is frozen looks alive to TCP. So a timer of ours
shuts the socket, and the wait ends with the error of a broken connection.
"""

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import connection

logger = logging.getLogger(__name__)


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Break the database connection when the block takes longer than ``seconds``."""
    # Cursors of psycopg's own are used inside: their errors become Django's here.
    with connection.wrap_database_errors:
        connection.ensure_connection()
        timer = threading.Timer(seconds, _hang_up, [connection.connection.fileno()])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _hang_up(descriptor: int) -> None:
    logger.warning("The database does not answer: hanging up")
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as line:
        line.shutdown(socket.SHUT_RDWR)
