"""How numbers and times are written on the pages: Indian grouping, IST, ages."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django import template
from django.conf import settings
from django.utils import timezone

register = template.Library()

ABSENT = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
CRORE, LAKH = 10_000_000, 100_000
AGES = [("d", 86_400), ("h", 3_600), ("min", 60)]


def _grouped(digits: str) -> str:
    """Group as India does: the last three, then twos: 12,34,567."""
    head, tail = digits[:-3], digits[-3:]
    pairs = [head[max(end - 2, 0) : end] for end in range(len(head), 0, -2)]
    return ",".join([*reversed(pairs), tail])


@register.filter
def price(value: float | None, decimals: int = 2) -> str:
    """Write 124812.35 as 1,24,812.35."""
    if value is None:
        return ABSENT
    digits, point, fraction = f"{abs(value):.{decimals}f}".partition(".")
    sign = MINUS if round(value, decimals) < 0 else ""
    return f"{sign}{_grouped(digits)}{point}{fraction}"


@register.filter
def signed(value: float | None, decimals: int = 2) -> str:
    """Write a change with its sign, which says more than its color."""
    if value is None:
        return ABSENT
    written = price(value, decimals)
    return f"+{written}" if round(value, decimals) > 0 else written


@register.filter
def compact(value: int | None) -> str:
    """Write a quantity shortly: 84,512, 12.4 L, 3.07 Cr."""
    if value is None:
        return ABSENT
    if value >= CRORE:
        return f"{value / CRORE:.2f} Cr"
    if value >= LAKH:
        return f"{value / LAKH:.2f} L"
    return _grouped(str(value))


@register.filter
def change(value: int | None) -> str:
    """Write a change of a quantity shortly, with its sign: +12.4 L."""
    if value is None:
        return ABSENT
    written = compact(abs(value))
    return f"{MINUS}{written}" if value < 0 else f"+{written}" if value else written


@register.filter
def percent(value: float | None, decimals: int = 2) -> str:
    """Write a fraction as a percentage: 0.1708 as 17.08 %."""
    return ABSENT if value is None else f"{price(100 * value, decimals)} %"


@register.filter
def clock(value: datetime | None) -> str:
    """Write the time of day as the desk's clock shows it."""
    if value is None:
        return ABSENT
    local = timezone.localtime(value, ZoneInfo(settings.DISPLAY_TIME_ZONE))
    return local.strftime("%H:%M:%S")


@register.filter
def minute(value: datetime | None) -> str:
    """Write hour and minute as the desk's clock shows them."""
    return clock(value)[:5] if value else ABSENT


@register.filter
def until_minute(value: datetime | None) -> str:
    """Write when something ends: at midnight the day's own 24:00."""
    written = minute(value)
    return "24:00" if written == "00:00" else written


@register.filter
def on_day(value: datetime | None) -> str:
    """Write the date as the desk's clock shows it: 27 Nov 2026."""
    if value is None:
        return ABSENT
    local = timezone.localtime(value, ZoneInfo(settings.DISPLAY_TIME_ZONE))
    return f"{local.day} {local:%b %Y}"


@register.filter
def moment(value: datetime | None) -> str:
    """Write a day and a minute of the desk's clock: 23 Nov 10:15."""
    if value is None:
        return ABSENT
    local = timezone.localtime(value, ZoneInfo(settings.DISPLAY_TIME_ZONE))
    return f"{local.day} {local:%b %H:%M}"


@register.simple_tag
def display_zone() -> str:
    """Return the zone that the pages show as scripts know it: Asia/Kolkata."""
    return settings.DISPLAY_TIME_ZONE


@register.simple_tag
def zone_name() -> str:
    """Return the short name of the zone that the pages show: IST."""
    return f"{timezone.localtime(timezone=ZoneInfo(settings.DISPLAY_TIME_ZONE)):%Z}"


@register.filter
def seconds(value: float | None) -> str:
    """Write a duration as its largest unit: 0.4 s, 12 s, 3 min, 2 d."""
    if value is None:
        return ABSENT
    for unit, size in AGES:
        if value >= size:
            return f"{int(value // size)} {unit}"
    return f"{value:.0f} s" if value >= 10 else f"{max(value, 0):.1f} s"
