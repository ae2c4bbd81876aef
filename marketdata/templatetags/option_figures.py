"""How the figures of a chain are written on the pages."""

from django import template

from tradingsite.templatetags.figures import ABSENT, MINUS

register = template.Library()


@register.filter
def percent(value: float | None) -> str:
    """Write a fraction in percent: 0.1432 as 14.32."""
    return ABSENT if value is None else f"{value * 100:.2f}".replace("-", MINUS)
