"""Proving a key, a token or a session: what the database says of it now."""

from datetime import datetime, timedelta

from django.contrib.auth import HASH_SESSION_KEY
from django.utils.crypto import constant_time_compare

from accounts import credentials, second_factor, tokens
from accounts.authentication.memory import LONGEST, Proof
from accounts.models import ApiKey, Session, TokenFamily, User
from accounts.models.sessions import hashed
from accounts.principals import ALL_SCOPES, Kind, Principal, Scope
from accounts.session_store import SessionStore

# Compared with when no row has the id, so that both refusals do the same work.
_NO_HASH = "0" * 64
# Reading must not become writing: the use of a session is noted once a minute.
SEEN_EVERY = timedelta(minutes=1)


def by_bearer(text: str, *, address: str, now: datetime) -> Proof | None:
    """Return who shows ``text``, a key or a token, from ``address``."""
    if text.startswith(credentials.PREFIX):
        shown = credentials.parse(text)
        key = None if shown is None else proven_key(shown)
        return None if key is None else _of_key(key, address=address, now=now)
    claims = tokens.read(text)
    if claims is None:
        return None
    proof = by_id("token", claims.family, address=address, now=now)
    if proof is None or str(proof.user.pk) != claims.subject:
        return None
    return Proof(proof.user, proof.principal, min(proof.until, claims.expires_at))


def proven_key(shown: credentials.KeyText) -> ApiKey | None:
    """Return the key with this id if the secret is right."""
    key = ApiKey.objects.with_id(shown.public_id)
    is_right = shown.proves(_NO_HASH if key is None else key.secret_hash)
    return key if is_right else None


def by_session(session_key: str, *, now: datetime) -> Proof | None:
    """Return who logged in with the session of this cookie."""
    rows = Session.objects.alive(now).select_related("user")
    session = rows.filter(session_key=hashed(session_key)).first()
    return None if session is None else _of_session(session, now=now)


def by_id(kind: Kind, proof_id: str, *, address: str, now: datetime) -> Proof | None:
    """Return whom a credential that was proven before stands for, if it still does."""
    if kind == "api_key":
        key = ApiKey.objects.with_id(proof_id)
        return None if key is None else _of_key(key, address=address, now=now)
    if kind == "token":
        families = TokenFamily.objects.select_related("user")
        family = families.filter(public_id=proof_id).first()
        return None if family is None else _of_family(family, now=now)
    sessions = Session.objects.alive(now).select_related("user")
    session = sessions.filter(public_id=proof_id).first()
    return None if session is None else _of_session(session, now=now)


def _of_key(key: ApiKey, *, address: str, now: datetime) -> Proof | None:
    if not key.is_usable(now=now, address=address):
        return None
    key.used(now)
    return Proof(key.user, key.principal(), min(key.expires_at, now + LONGEST))


def _of_family(family: TokenFamily, *, now: datetime) -> Proof | None:
    if not family.is_alive(now) or not family.user.is_active:
        return None
    principal = person(
        family.user,
        kind="token",
        proof_id=family.public_id,
        second_factor_at=family.second_factor_at,
        scopes=frozenset(family.scopes),
    )
    return Proof(family.user, principal, min(family.expires_at, now + LONGEST))


def _of_session(session: Session, *, now: datetime) -> Proof | None:
    user = session.user
    if user is None or not user.is_active or not _fits(session, user):
        return None
    if session.last_seen_at <= now - SEEN_EVERY:
        Session.objects.seen(session.pk, now)
    principal = person(
        user,
        kind="session",
        proof_id=session.public_id,
        second_factor_at=session.second_factor_at,
    )
    return Proof(user, principal, min(session.expire_date, now + LONGEST))


def _fits(session: Session, user: User) -> bool:
    """Tell whether a session was begun with the password that the user has now."""
    kept = SessionStore().decode(session.session_data).get(HASH_SESSION_KEY, "")
    return constant_time_compare(str(kept), user.get_session_auth_hash())


def person(
    user: User,
    *,
    kind: Kind,
    proof_id: str = "",
    second_factor_at: datetime | None = None,
    scopes: frozenset[str] = ALL_SCOPES,
) -> Principal:
    """Return the principal of a log-in, restricted if it lacks a second factor."""
    is_restricted = second_factor_at is None and second_factor.is_due(user)
    return Principal(
        user_id=user.pk,
        username=user.get_username(),
        kind=kind,
        key_id=proof_id if kind == "token" else None,
        scopes=frozenset() if is_restricted else scopes,
        is_staff=user.is_staff and Scope.ADMIN in scopes and not is_restricted,
        proof_id=proof_id,
        second_factor_at=second_factor_at,
        is_restricted=is_restricted,
    )
