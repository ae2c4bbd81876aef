"""Sockets that name in their address what they follow: ``/ws/positions/north-1``.

Such a socket follows that one key from the beginning. Where it is to be resumed stands
in the query, ``?epoch=…&seq=17``, which is no secret.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import msgspec

from tradingsite.streaming.codes import Close
from tradingsite.streaming.commands import After, Subscribe
from tradingsite.streaming.identity import Refused

_POSITION = {"epoch", "seq"}


def asked_in(scope: Mapping[str, Any]) -> Subscribe | None:
    """Return what the address of a socket asks for; None when it names no key.

    Raises ``Refused`` for a position that cannot be read.
    """
    words = list(scope.get("url_route", {}).get("kwargs", {}).values())
    if not words:
        return None
    key = str(words[0])
    after = _position_in(scope.get("query_string", b"").decode("latin-1"))
    return Subscribe(keys=[key], after={key: after} if after else None)


def _position_in(query: str) -> After | None:
    said = {name: values[-1] for name, values in parse_qs(query).items()}
    if not said.keys() & _POSITION:
        return None
    wanted = {name: said[name] for name in _POSITION if name in said}
    if not said.get("seq", "0").isdecimal():
        raise Refused(Close.UNREADABLE, "seq is no whole number")
    try:
        return msgspec.convert(wanted, After, strict=False)
    except msgspec.ValidationError as error:
        raise Refused(Close.UNREADABLE, str(error)[:100]) from error
