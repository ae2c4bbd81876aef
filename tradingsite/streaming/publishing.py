"""Telling every hub what happened: one Redis message for any number of keys."""

import logging
from collections.abc import Mapping
from typing import Any

import msgspec
from django.conf import settings
from redis.exceptions import RedisError

from tradingsite import redis
from tradingsite.streaming.frames import encode

logger = logging.getLogger(__name__)

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def channel_of(topic: str) -> str:
    """Return the Redis channel of ``topic``."""
    return f"{settings.REDIS_PREFIX}:stream:{topic}"


def payload_of(events: Mapping[str, Any]) -> bytes:
    """Return what goes over the channel: events by key, as JSON."""
    return encode(events)


def events_in(payload: bytes) -> dict[str, msgspec.Raw]:
    """Return the events by key, each still as its JSON text.

    Raise msgspec.DecodeError for what no publisher of ours wrote.
    """
    return _decode(payload)


def publish(topic: str, event: Any, *, key: str = "") -> None:
    """Tell the hubs that ``key`` of ``topic`` is now ``event``; best effort."""
    publish_all(topic, {key: event})


def publish_all(topic: str, events: Mapping[str, Any]) -> None:
    """Tell the hubs of many keys at once; best effort.

    Only a hint: whoever missed it is told so by its hub, and looks again.
    """
    if not events:
        return
    try:
        redis.client().publish(channel_of(topic), payload_of(events))
    except RedisError as error:
        logger.debug("%d events of %s were not told: %s", len(events), topic, error)
