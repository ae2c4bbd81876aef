"""How the status of an order looks: good, bad, in doubt, or plain."""

from django import template

from orders.states import Status

register = template.Library()

LOOKS = {
    Status.FILLED: "badge badge--good",
    Status.REJECTED: "badge badge--bad",
    Status.UNKNOWN: "badge badge--warn",
}


@register.filter
def status_look(status: str) -> str:
    """Return the classes of a status's badge."""
    return LOOKS.get(Status(status), "badge")


@register.filter
def status_name(status: str) -> str:
    """Return what a status is called; what was before a new order is nothing."""
    return Status(status).title() if status else "New"
