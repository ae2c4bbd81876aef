"""Beginning, proving and ending the log-ins of people and of their programs."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth import login
from django.db import connection
from django.http import HttpRequest
from django.utils import timezone

from accounts import audit, second_factor
from accounts.authentication import origin_of
from accounts.authentication.asking import forget
from accounts.authentication.reading import Origin
from accounts.models import Session, TokenFamily, User
from accounts.principals import Principal
from accounts.session_store import ADDRESS, AGENT, PROVEN, STARTED

# How long somebody who knew the password may take to show a code.
CODE_WITHIN = timedelta(minutes=5)
CHANGES_KEPT = timedelta(days=1)
_WAITING = "waiting_for_code"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody who knew the password and has still to show a code."""

    user: User
    next_page: str


def begin(
    request: HttpRequest, user: User, *, second_factor_at: datetime | None = None
) -> None:
    """Log ``user`` in, in a new session that says from where and since when."""
    request.session.pop(_WAITING, None)
    login(request, user)
    now, origin = timezone.now(), origin_of(request)
    # The session of the visit before may be hours old; the log-in begins now.
    request.session[STARTED] = now.isoformat()
    request.session[ADDRESS], request.session[AGENT] = origin.address, origin.agent
    if second_factor_at is not None:
        request.session[PROVEN] = second_factor_at.isoformat()
    request.session.save()
    forget(request)
    prune(now)
    audit.record("log_in.begun", source=request, target=f"User {user.pk} ({user})")


def await_code(request: HttpRequest, user: User, *, next_page: str) -> None:
    """Remember, in a session of nobody, who has still to show a code."""
    request.session.cycle_key()
    request.session[_WAITING] = {
        "user": user.pk,
        "since": timezone.now().isoformat(),
        "next": next_page,
        "backend": getattr(user, "backend", ""),
        # A password that was changed meanwhile is none that was known.
        "hash": user.get_session_auth_hash(),
    }


def waiting(request: HttpRequest) -> Waiting | None:
    """Return who has still to show a code, if the password is not too long ago."""
    kept = request.session.get(_WAITING)
    if kept is None:
        return None
    since = datetime.fromisoformat(kept["since"])
    if timezone.now() >= since + CODE_WITHIN:
        return None
    user = User.objects.filter(pk=kept["user"], is_active=True).first()
    if user is None or user.get_session_auth_hash() != kept["hash"]:
        return None
    user.backend = kept["backend"]
    return Waiting(user, kept["next"])


def show_code(request: HttpRequest, user: User, code: str) -> datetime:
    """Use ``code`` of ``user`` up and return when; a wrong one is told to the audit."""
    now = timezone.now()
    try:
        second_factor.check(user, code, address=origin_of(request).address, now=now)
    except second_factor.CodeError as error:
        audit.record(
            "second_factor.shown",
            source=request,
            target=f"User {user.pk}",
            refused=str(error),
        )
        raise
    return now


def step_up(request: HttpRequest, principal: Principal, now: datetime) -> None:
    """Note that the holder of this log-in has shown a code a moment ago."""
    if principal.kind == "token":
        families = TokenFamily.objects.filter(public_id=principal.proof_id)
        families.update(second_factor_at=now)
    else:
        request.session[PROVEN] = now.isoformat()
        request.session.save()
    forget(request)
    audit.record("second_factor.shown", source=request)


def family_of(
    user: User, *, scopes: frozenset[str], origin: Origin, proven_at: datetime | None
) -> TokenFamily:
    """Return the log-in of a program that is about to begin."""
    return TokenFamily(
        user=user,
        scopes=sorted(scopes),
        address=origin.address,
        agent=origin.agent,
        second_factor_at=proven_at,
    )


def end(principal: Principal, public_id: str, *, now: datetime) -> bool:
    """End one's own session or program log-in of that id; False: there is none."""
    sessions = Session.objects.for_subject(principal).filter(public_id=public_id)
    if sessions.delete()[0]:
        return True
    families = TokenFamily.objects.for_subject(principal).filter(public_id=public_id)
    return families.revoke(now, "ended by its owner") > 0


def end_others(principal: Principal, *, now: datetime) -> int:
    """End all log-ins of the person but the one that asks; return how many."""
    sessions = Session.objects.for_subject(principal)
    ended: int = sessions.exclude(public_id=principal.proof_id).delete()[0]
    families = TokenFamily.objects.for_subject(principal)
    others = families.exclude(public_id=principal.proof_id)
    return ended + others.revoke(now, "ended by its owner")


def prune(now: datetime) -> None:
    """Delete the sessions that are over, and what every process has long looked at."""
    Session.objects.prune(now)
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM credential_changes WHERE made_at < %s", [now - CHANGES_KEPT]
        )
