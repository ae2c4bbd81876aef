"""How a result looks: up, down or flat."""

from decimal import Decimal

from django import template

register = template.Library()


@register.filter
def tone(value: Decimal | None) -> str:
    """Return the class of a result; of one that is not known, that of none."""
    if not value:
        return "flat"
    return "up" if value > 0 else "down"
