"""The WebSocket door of an application: its routes, its hub, and nothing unknown."""

from typing import Any

from channels.routing import URLRouter
from django.conf import settings
from django.urls import path, re_path
from django.utils.module_loading import import_string

from tradingsite.limits import STATE, Receive, Scope, Send, State
from tradingsite.logs import correlation_id
from tradingsite.middleware import chosen_id
from tradingsite.streaming.codes import Close
from tradingsite.streaming.consumer import StreamConsumer
from tradingsite.streaming.identity import Refused


class UnknownPath(StreamConsumer):
    """Refuses with a code: before the handshake a browser would only see a failure."""

    async def serve(self, scope: Scope) -> None:
        raise Refused(Close.UNKNOWN_PATH, "there is no stream at this address")


def desk() -> Any:
    """Return the route of the one socket on which a page follows all streams."""
    feeds = tuple(import_string(name) for name in settings.STREAM_FEEDS)
    consumer: Any = StreamConsumer.as_asgi(feeds=feeds)
    return path("ws/desk", consumer)


class Sockets:
    """Routes the sockets of one application, each with that application's state."""

    def __init__(self, routes: list[Any], state: State) -> None:
        # Also for who must say what they all are.
        self.routes = routes
        unknown: Any = UnknownPath.as_asgi()
        self.router = URLRouter([*routes, re_path(r"", unknown)])
        self.state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[STATE] = self.state
        correlation_id.set(chosen_id(""))
        await self.router(scope, receive, send)
