"""System checks: a wrong environment is a sentence at start, not a fault at night.

Ids: E001 time zone, E002 PostgreSQL, E003 Redis, E004 channel layer, E005 secret,
E006 DEBUG, E007 data folder open to others, E008 a view that does not say who may
come, E009 an origin that is none, W001 clear text to a server elsewhere.
"""

import stat
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps.config import AppConfig
from django.conf import settings
from django.core import checks

from tradingsite import access

SECRET_LENGTH = 50
NEAR = ("127.0.0.1", "::1", "localhost", "", None)

Configs = Sequence[AppConfig] | None


def register() -> None:
    """Hand the checks to Django; called once, when the app is ready."""
    checks.register(settings_are_sound)
    checks.register(views_say_who_may_come)
    checks.register(production_is_sound, deploy=True)


def settings_are_sound(
    app_configs: Configs, **kwargs: Any
) -> Iterable[checks.CheckMessage]:
    """Check what must hold everywhere."""
    if settings.TIME_ZONE != "UTC" or not settings.USE_TZ:
        yield checks.Error(
            "Times are kept in UTC.",
            hint='Set TIME_ZONE = "UTC" and USE_TZ = True; pages show local time.',
            id="tradingsite.E001",
        )
    if len(settings.SECRET_KEY) < SECRET_LENGTH:
        yield checks.Error(
            f"SECRET_KEY is shorter than {SECRET_LENGTH} characters.",
            hint="Leave it out to have one made and kept in the data folder.",
            id="tradingsite.E005",
        )
    if settings.DATA_DIR.exists() and settings.DATA_DIR.stat().st_mode & stat.S_IWOTH:
        yield checks.Error(
            f"Everybody may write into {settings.DATA_DIR}, where secrets are kept.",
            hint=f"chmod 700 {settings.DATA_DIR}",
            id="tradingsite.E007",
        )

    yield from origins_are_exact()


def origins_are_exact() -> Iterable[checks.CheckMessage]:
    for origin in settings.CORS_ALLOWED_ORIGINS:
        parts = urlsplit(origin)
        is_local = parts.hostname in NEAR
        is_exact = origin == f"{parts.scheme}://{parts.netloc}" and parts.hostname
        if not is_exact or "*" in origin or not (parts.scheme == "https" or is_local):
            yield checks.Error(
                f"CORS_ALLOWED_ORIGINS names {origin}, which is not an exact origin.",
                hint="Name each as https://host, without path or wildcard.",
                id="tradingsite.E009",
            )


def views_say_who_may_come(
    app_configs: Configs, **kwargs: Any
) -> Iterable[checks.CheckMessage]:
    """Check that no address is open, or shut, because somebody forgot to say."""
    for endpoint in access.undeclared():
        yield checks.Error(
            f"/{endpoint.route} does not say who may come.",
            hint="Name permission_classes, or see tradingsite/access.py.",
            id="tradingsite.E008",
        )


def production_is_sound(
    app_configs: Configs, **kwargs: Any
) -> Iterable[checks.CheckMessage]:
    """Check what must hold where others come in (``check --deploy``)."""
    yield from servers_are_named()
    yield from servers_are_safe()
    layer = settings.CHANNEL_LAYERS["default"]["BACKEND"]
    if "InMemory" in layer:
        yield checks.Error(
            "The channel layer lives in memory: processes would not hear each other.",
            hint="Use channels_redis.pubsub.RedisPubSubChannelLayer.",
            id="tradingsite.E004",
        )
    if settings.DEBUG:
        yield checks.Error(
            "DEBUG is on: errors would show settings and code to everybody.",
            hint="Leave DEBUG out of the environment.",
            id="tradingsite.E006",
        )


def servers_are_named() -> Iterable[checks.CheckMessage]:
    if not settings.DATABASE_URL:
        yield checks.Error(
            "No PostgreSQL is named.",
            hint="Set DATABASE_URL, or start one with manage.py up.",
            id="tradingsite.E002",
        )
    if not settings.REDIS_URL and not settings.REDIS_SENTINELS:
        yield checks.Error(
            "No Redis is named.",
            hint="Set REDIS_URL or REDIS_SENTINELS, or start one with manage.py up.",
            id="tradingsite.E003",
        )


def servers_are_safe() -> Iterable[checks.CheckMessage]:
    """Check that passwords do not travel in the clear."""
    redis = urlsplit(settings.REDIS_URL)
    if redis.scheme == "redis" and redis.hostname not in NEAR:
        yield checks.Warning(
            "Redis is elsewhere and spoken to in clear text.",
            hint="Use rediss:// in REDIS_URL.",
            id="tradingsite.W001",
        )
