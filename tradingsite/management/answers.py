"""Asking a process of our own whether it answers."""

import http.client
from urllib.parse import urlsplit

ASK_TIMEOUT_S = 1


def answer_of(url: str) -> int | None:
    """Return the HTTP status that ``url`` answers with, None without an answer."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=ASK_TIMEOUT_S)
    try:
        connection.request("GET", parts.path, headers={"Connection": "close"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
