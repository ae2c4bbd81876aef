"""Who may take the short way: requests like one that has just been let in."""

from dataclasses import dataclass, field
from typing import Any

from tradingsite.limits import ID_HEADER, Message, Scope, Send
from tradingsite.ratelimit import Lease

# With the age of a look in mind: what is revoked or changed is felt within a second.
ADMITTED_S = 0.9
RENEWED_S = 0.5
# Headers that both ways answer alike. What the others say is for documents: whether
# they may be framed, who opened them, what a link from them tells.
NAMED_HEADERS = {
    b"content-type",
    b"cache-control",
    b"vary",
    b"x-content-type-options",
    b"strict-transport-security",
    b"access-control-allow-origin",
    b"access-control-expose-headers",
}
REFUSED_BY_RATE = 429

Headers = list[tuple[bytes, bytes]]
Look = tuple[Any, ...]


@dataclass(slots=True)
class Admission:
    """What the long way answered to requests that look like this one."""

    since: float
    headers: Headers
    # Who asked, for the log.
    told: dict[str, Any]
    # How many may pass before somebody must be counted again.
    lease: Lease
    # One of them is on the long way again, in good time for the others.
    is_renewing: bool = False
    # The headers once more, as lines.
    head: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.head = b"".join(b"%b: %b\r\n" % pair for pair in self.headers)

    def is_fresh(self, now: float) -> bool:
        """Tell whether it admits at ``now`` without having to be renewed first."""
        age_s = now - self.since
        return age_s <= (ADMITTED_S if self.is_renewing else RENEWED_S)

    def admits(self, now: float) -> bool:
        """Tell whether a request may take the short way; one in a while may not."""
        age_s = now - self.since
        if age_s > ADMITTED_S:
            return False
        if age_s > RENEWED_S and not self.is_renewing:
            self.is_renewing = True
            return False
        return True


class Watched:
    """The long way of one request: notes how it was answered."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._status = 0
        self._headers: Headers = []

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = list(message.get("headers", ()))
        await self._send(message)

    @property
    def is_admitted(self) -> bool:
        is_setting = any(name.lower() == b"set-cookie" for name, _ in self._headers)
        return self._status == 200 and not is_setting

    @property
    def is_refused_by_rate(self) -> bool:
        """Tell whether it was one too many: that says nothing of who may pass."""
        return self._status == REFUSED_BY_RATE

    def admission(self, since: float, told: dict[str, Any], lease: Lease) -> Admission:
        headers = [(name.lower(), value) for name, value in self._headers]
        named = [pair for pair in headers if pair[0] in NAMED_HEADERS]
        return Admission(since, named, told, lease)


def look_of(scope: Scope) -> tuple[Look, bytes]:
    """Return what a request looks like, and the id that it offers for itself."""
    client = scope.get("client")
    address = client[0] if client else ""
    headers = scope["headers"]
    offered = b""
    for name, value in headers:
        if name == ID_HEADER:
            offered = value
    if offered:
        headers = [pair for pair in headers if pair[0] != ID_HEADER]
    return (address, scope.get("scheme"), tuple(headers)), offered
