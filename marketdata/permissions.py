"""What a REST view of the market asks for before it answers."""

from typing import Protocol, runtime_checkable

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

READ_MARKET = "read:market"
ADMIN = "admin"


@runtime_checkable
class Principal(Protocol):
    """What this floor needs to know of who is asking; the door above knows more."""

    @property
    def user_id(self) -> int: ...

    def may(self, scope: str) -> bool: ...


def user_id_of(request: Request) -> int:
    """Return whose request it is; only behind a permission of this module."""
    assert isinstance(request.auth, Principal)
    return request.auth.user_id


class MayReadMarket(BasePermission):
    """A person in a session, or a key that was given ``read:market``."""

    message = "This API key may not read market data."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.auth, Principal) and request.auth.may(READ_MARKET)


class MayRepair(BasePermission):
    """Staff, in a session or by a key that was given ``admin``."""

    message = "Only staff may do this, or a key of theirs with the scope admin."

    def has_permission(self, request: Request, view: APIView) -> bool:
        is_staff = bool(getattr(request.auth, "is_staff", False))
        return (
            is_staff and isinstance(request.auth, Principal) and request.auth.may(ADMIN)
        )


class MayKeepCalendar(MayRepair):
    """Staff, as for repairs: who changes a holiday moves expiries."""
