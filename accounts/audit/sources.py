"""Who did it, on whose behalf, from where: as a request, a principal or a process."""

import os
import pwd
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from accounts.principals import Principal
from tradingsite.addresses import client_address

# Where the answer to "who is asking" is remembered for the rest of a request.
_REMEMBERED = "tradingsite.subject"
ANONYMOUS = "anonymous"
SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Source:
    """Where an act came from, in the words of an audit entry."""

    actor: str
    door: str
    on_behalf_of: str = ""
    user_id: int | None = None
    key_id: str = ""
    address: str = ""


def source_of(source: HttpRequest | Principal | Source | None) -> Source:
    """Return who acts; without a source this process does it by itself."""
    if source is None:
        return _process()
    if isinstance(source, Source):
        return source
    if isinstance(source, Principal):
        return _of_principal(source, "")
    # Django REST framework's request stands around the plain one.
    request: HttpRequest = getattr(source, "_request", source)
    return _of_request(request)


def unknown(request: HttpRequest) -> Source:
    """Return whoever sent ``request``, without asking its session who that is."""
    return Source(ANONYMOUS, ANONYMOUS, address=client_address(request))


def _of_request(request: HttpRequest) -> Source:
    address = client_address(request)
    subject: tuple[Any, Principal] | None = request.META.get(_REMEMBERED)
    if subject is not None:
        return _of_principal(subject[1], address)
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return Source(ANONYMOUS, ANONYMOUS, address=address)
    name = user.get_username()
    return Source(name, "session", name, user.pk, "", address)


def _of_principal(principal: Principal, address: str) -> Source:
    key_id = principal.key_id or ""
    is_program = principal.kind == "api_key"
    return Source(
        actor=f"key {key_id}" if is_program else principal.username,
        door=principal.kind,
        on_behalf_of=principal.username,
        user_id=principal.user_id,
        key_id=key_id,
        address=address,
    )


def _process() -> Source:
    """Return this process; of a command also whose shell it was typed into."""
    kind = settings.PROCESS_KIND
    if kind != "command":
        return Source(kind, SYSTEM)
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    return Source(f"{kind} of {name}", SYSTEM)
