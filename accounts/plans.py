"""For whom a request is counted: the person behind the door, and their plan."""

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest

from accounts.authentication import client_address, principal_of
from accounts.models import User
from tradingsite.ratelimit import Asker


def asker_of(request: HttpRequest) -> Asker:
    """Return whom ``request`` is counted for; ``settings.RATE_LIMIT_ASKER``.

    The keys of a person and their sessions share one count: making more keys gives
    no more requests. Who is refused at the door is counted by address.
    """
    address = client_address(request)
    try:
        principal = principal_of(request)
    except SuspiciousOperation:
        principal = None
    if principal is None:
        return Asker(address)
    plan = _plan_of(request, principal.user_id)
    return Asker(address, subject=f"user:{principal.user_id}", plan=plan)


def _plan_of(request: HttpRequest, user_id: int) -> str:
    # A session has loaded its user, and a key comes with it: rarely a query.
    user, _ = request.META.get("tradingsite.subject") or (None, None)
    if isinstance(user, User) and user.pk == user_id:
        return user.plan
    plan = User.objects.filter(pk=user_id).values_list("plan", flat=True).first()
    return plan or User.Plan.FREE
