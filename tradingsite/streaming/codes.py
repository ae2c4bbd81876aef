"""Why a socket was closed: codes that a client can read and act on."""

from enum import IntEnum

# What a closing frame has room for, beside the code (RFC 6455, 5.5).
MOST_REASON_BYTES = 123


class Close(IntEnum):
    """The codes of our own are 4000 and the HTTP status that means the same.

    After NO_PONG, RESTART, SLOW and UNAVAILABLE a client comes back and resumes, after
    TOO_MANY later; after the others it would only be refused again. The connection
    itself closes with BROKEN, NO_TEXT and NO_PONG.
    """

    NORMAL = 1000
    BROKEN = 1002
    NO_TEXT = 1007
    TOO_LARGE = 1009
    NO_PONG = 1011
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
