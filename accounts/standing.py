"""Who opens a socket, and who of those that did may stay.

A socket is opened with what opens any other door, or with a ticket, which is for
sockets only. Whoever stays is asked for again all the time (``STREAM_FALLEN``).
"""

from collections.abc import Collection
from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils import timezone

from accounts import credentials, tickets
from accounts.authentication.asking import principal_of, still_stands
from accounts.authentication.reading import bearer_of
from accounts.principals import Principal
from tradingsite.addresses import client_address
from tradingsite.streaming.identity import Caller


def opener_of(handshake: HttpRequest) -> Principal | None:
    """Return who asks for a socket; ``settings.STREAM_PRINCIPAL_OF``.

    Raises ``SuspiciousOperation`` for a secret in the address, ``PermissionDenied``
    for somebody who must show a second factor first.
    """
    # Also looks into the address, so it is asked whatever is shown.
    principal = principal_of(handshake)
    shown = bearer_of(handshake)
    if shown is not None and shown.startswith(credentials.TICKET_PREFIX):
        principal = tickets.redeem(shown, client_address(handshake))
    if principal is not None and principal.is_restricted:
        raise PermissionDenied("a second factor is needed first")
    return principal


def fallen(callers: Collection[Caller]) -> set[Caller]:
    """Return those whose key, session or log-in no longer stands, or stands for less.

    What was proven a moment ago costs no question; a change is felt with the next
    look (``accounts.authentication.memory``).
    """
    now = timezone.now()
    return {caller for caller in callers if not _stands(caller, now)}


def _stands(caller: Caller, now: datetime) -> bool:
    principal = caller.principal
    return isinstance(principal, Principal) and still_stands(
        principal, address=caller.address, now=now
    )
