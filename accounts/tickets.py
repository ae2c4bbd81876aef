"""Tickets of sockets: asked for with a credential, shown once, within 30 seconds.

A browser cannot send a header with its handshake, and what stands in an address is
kept by logs. So it asks for a ticket and shows it in its first frame.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast

from django.db import connection
from django.utils import timezone

from accounts import credentials
from accounts.authentication import proofs
from accounts.models import Ticket
from accounts.principals import Kind, Principal, Scope

LIFE = timedelta(seconds=30)
# Deleted and returned in one statement: of any number of tries at once, one has it.
_TAKE = """
DELETE FROM accounts_ticket WHERE public_id = %s AND secret_hash = %s
RETURNING user_id, kind, proof_id, scopes, address, expires_at
"""


def issue(
    principal: Principal, *, address: str, scopes: frozenset[str], now: datetime
) -> str:
    """Return a ticket for ``principal`` at ``address``, narrowed to ``scopes``."""
    made = credentials.make(credentials.TICKET_PREFIX)
    Ticket.objects.prune(now)
    Ticket.objects.create(
        public_id=made.public_id,
        secret_hash=made.secret_hash,
        user_id=principal.user_id,
        kind=principal.kind,
        proof_id=principal.proof_id,
        scopes=sorted(principal.scopes & scopes),
        address=address,
        expires_at=now + LIFE,
    )
    return str(made)


def redeem(text: str, address: str, *, now: datetime | None = None) -> Principal | None:
    """Return who shows ``text`` from ``address``; whoever shows it, it is gone.

    The credential that asked for it must still stand, and what the ticket does not
    name is not taken over.
    """
    now = now or timezone.now()
    shown = credentials.parse(text, credentials.TICKET_PREFIX)
    ticket = None if shown is None else _taken(shown)
    if ticket is None or ticket.address != address or ticket.expires_at <= now:
        return None
    kind, proof_id = cast("Kind", ticket.kind), ticket.proof_id
    proof = proofs.by_id(kind, proof_id, address=address, now=now)
    if proof is None or proof.principal.user_id != ticket.user_id:
        return None
    scopes = proof.principal.scopes & frozenset(ticket.scopes)
    is_staff = proof.principal.is_staff and Scope.ADMIN in scopes
    return replace(proof.principal, scopes=scopes, is_staff=is_staff)


def _taken(shown: credentials.KeyText) -> Ticket | None:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [shown.public_id, shown.secret_hash])
        row = cursor.fetchone()
    if row is None:
        return None
    names = ["user_id", "kind", "proof_id", "scopes", "address", "expires_at"]
    return Ticket(**dict(zip(names, row, strict=True)))
