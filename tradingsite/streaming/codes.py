"""Why a socket was closed: codes that a client can read and act on."""

from enum import IntEnum

# What a closing frame has room for, beside the code (RFC 6455, 5.5).
MOST_REASON_BYTES = 123


class Close(IntEnum):
    """The codes of our own are 4000 and the HTTP status that means the same.

    After RESTART, SLOW and UNAVAILABLE a client comes back and resumes; after the
    others it would only be refused again.
    """

    NORMAL = 1000
    TOO_LARGE = 1009
    RESTART = 1012
    UNREADABLE = 4400
    UNAUTHENTICATED = 4401
    FORBIDDEN = 4403
    UNKNOWN_PATH = 4404
    SLOW = 4408
    TOO_MANY = 4429
    UNAVAILABLE = 4503


def shortened(reason: str) -> str:
    """Return as much of ``reason`` as a closing frame has room for."""
    return reason.encode()[:MOST_REASON_BYTES].decode(errors="ignore")
