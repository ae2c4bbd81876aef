"""Who is asking: the answer for one request, remembered for the rest of it."""

import hashlib
from copy import copy
from datetime import datetime
from functools import partial

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts import audit, credentials, tokens
from accounts.authentication import memory, proofs
from accounts.authentication.memory import Proof
from accounts.authentication.reading import (
    TOKEN_SHAPE,
    KeyInQuery,
    bearer_of,
    query_values,
    session_key_of,
)
from accounts.models import ApiKey, Ticket, User
from accounts.principals import Principal
from tradingsite.addresses import client_address
from tradingsite.middleware import EXACT

_REMEMBERED = "tradingsite.subject"

Subject = tuple[User, Principal]


def principal_of(request: HttpRequest) -> Principal | None:
    """Return who is asking, or None; remembered for the rest of the request.

    A request that shows a bearer is judged by it alone, never by its session.
    """
    subject = subject_of(request)
    return None if subject is None else subject[1]


def subject_of(request: HttpRequest) -> Subject | None:
    """Return who is asking with the user behind it, a copy for this request."""
    if _REMEMBERED not in request.META:
        request.META[_REMEMBERED] = _identify(request)
    subject: Subject | None = request.META[_REMEMBERED]
    return subject


def forget(request: HttpRequest) -> None:
    """Ask again who is asking: it has changed within the request."""
    request.META.pop(_REMEMBERED, None)


def _identify(request: HttpRequest) -> Subject | None:
    _refuse_secrets_in_query(request)
    proof = _proof_of(request)
    return None if proof is None else (copy(proof.user), proof.principal)


def _proof_of(request: HttpRequest) -> Proof | None:
    now, text = timezone.now(), bearer_of(request)
    if text is not None:
        address = client_address(request)
        prove = partial(proofs.by_bearer, text, address=address, now=now)
        name = name_of("bearer", f"{text}\0{address}")
        return _recall(request, name, now, prove)
    session_key = session_key_of(request)
    if session_key is not None:
        prove = partial(proofs.by_session, session_key, now=now)
        return _recall(request, name_of("session", session_key), now, prove)
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return None
    # Somebody that a middleware other than ours vouches for, without a session.
    return Proof(user, proofs.person(user, kind="session"), now)


def _recall(
    request: HttpRequest, name: bytes, now: datetime, prove: "partial[Proof | None]"
) -> Proof | None:
    # Who keeps the answer for a while himself must not hear an old one.
    if getattr(request, "scope", {}).get(EXACT):
        return prove()
    return memory.of_this_process().recall(name, now, prove)


def name_of(door: str, shown: str) -> bytes:
    """Return what the memory knows a proof by; nothing of one door fits another."""
    whole = f"{door}\0{shown}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(whole).digest()


def still_stands(principal: Principal, *, address: str, now: datetime) -> bool:
    """Tell whether ``principal`` would still be let in with all that it may do.

    For who stays: an open socket asks now and then, and is told within half a second
    of a revocation, mostly without a question to the database.
    """
    prove = partial(
        proofs.by_id, principal.kind, principal.proof_id, address=address, now=now
    )
    shown = f"{principal.kind}\0{principal.proof_id}\0{address}"
    name = name_of("standing", shown)
    proof = memory.of_this_process().recall(name, now, prove)
    return (
        proof is not None
        and proof.principal.user_id == principal.user_id
        and principal.scopes <= proof.principal.scopes
    )


def _refuse_secrets_in_query(request: HttpRequest) -> None:
    """Refuse a key in the address, and revoke it: it must be taken for leaked."""
    values = query_values(request)
    if not values:
        return
    shown = credentials.find_all(values)
    signed = TOKEN_SHAPE.findall(values)
    if not shown and not signed:
        return
    _revoke(request, shown, signed)
    raise KeyInQuery("A key or a token stood in the address, so it was revoked.")


def _revoke(
    request: HttpRequest, shown: list[credentials.KeyText], signed: list[str]
) -> None:
    now = timezone.now()
    for one in shown:
        if one.prefix == credentials.REFRESH_PREFIX:
            tokens.revoke_shown(one, now=now)
        elif one.prefix == credentials.TICKET_PREFIX:
            ticket = Ticket.objects.filter(public_id=one.public_id).first()
            if ticket and one.proves(ticket.secret_hash):
                ticket.delete()
        elif key := proofs.proven_key(one):
            _revoke_leaked(request, key, now)
    for text in signed:
        if claims := tokens.read(text):
            tokens.revoke(claims.family, now=now, reason="in an address")


@transaction.atomic
def _revoke_leaked(request: HttpRequest, key: ApiKey, now: datetime) -> None:
    if ApiKey.objects.filter(pk=key.pk).revoke(now):
        audit.record(
            "key.revoked",
            source=audit.unknown(request),
            target=f"API key {key.pk} ({key})",
            change=audit.Change(after={"because": "it stood in an address"}),
        )
