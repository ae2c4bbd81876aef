"""The product's own sockets, with one stream that is made for the bench."""

import os

os.environ["DJANGO_SETTINGS_MODULE"] = "bench.streams.settings"

import django

django.setup()

from collections.abc import Collection  # noqa: E402
from typing import Any  # noqa: E402

from channels.routing import ProtocolTypeRouter  # noqa: E402
from django.urls import path  # noqa: E402

from bench.streams import wire  # noqa: E402
from tradingsite.lifespan import Lifespan  # noqa: E402
from tradingsite.limits import State  # noqa: E402
from tradingsite.streaming.conflated import Feed  # noqa: E402
from tradingsite.streaming.consumer import StreamConsumer  # noqa: E402
from tradingsite.streaming.sockets import Sockets  # noqa: E402


def find(words: Collection[str]) -> dict[str, tuple[str, str]]:
    return {word: (word, word) for word in words}


def newest(keys: Collection[str]) -> dict[str, object]:
    return {}


_consumer: Any = StreamConsumer.as_asgi(feeds=(Feed(wire.TOPIC, "read", find, newest),))
_state = State()
application = ProtocolTypeRouter(
    {
        "websocket": Sockets([path("ws", _consumer)], _state),
        "lifespan": Lifespan(_state),
    }
)
