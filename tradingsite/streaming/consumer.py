"""A socket: who is there, what they ask for, and within which bounds.

Nothing that is said before a principal is known does anything. What can wait (the
database, a slow client) is waited for by this socket alone, and never for long.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

import msgspec
from channels.consumer import AsyncConsumer
from django.conf import settings
from django.db import Error as DatabaseError

from tradingsite import metrics
from tradingsite.addresses import client_address, neighbourhood
from tradingsite.limits import STATE, Message, Receive, Scope, Send
from tradingsite.streaming import commands
from tradingsite.streaming.admission import Pace, Place
from tradingsite.streaming.codes import Close
from tradingsite.streaming.commands import Auth, Ping, Subscribe, Unsubscribe
from tradingsite.streaming.frames import MOST_BYTES_IN, frame
from tradingsite.streaming.hub import Hub
from tradingsite.streaming.identity import (
    SUBPROTOCOL,
    Caller,
    Handshake,
    Refused,
    identify,
    token_in,
)
from tradingsite.streaming.paths import asked_in
from tradingsite.streaming.seat import HANDLE_WITHIN_S, Following, Seat, Stream
from tradingsite.streaming.sender import Sender
from tradingsite.streaming.threads import in_thread
from tradingsite.streaming.wire import wire_of

logger = logging.getLogger(__name__)

AUTHENTICATE_WITHIN_S = 5.0
GONE_WITHIN_S = 3.0


class Gone(Exception):  # noqa: N818 - reads as what happened
    """The client has left."""


class StreamConsumer(AsyncConsumer):  # type: ignore[misc] # untyped package
    """One socket that follows keys of the streams it was made for."""

    hub: Hub
    sender: Sender
    seat: Seat
    named: Subscribe | None = None

    def __init__(self, feeds: tuple[Stream, ...] = ()) -> None:
        self.streams = {feed.name: feed for feed in feeds}
        self._followings: dict[str, Following] = {}
        self._places: list[Place] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the socket to its end.

        Channels' own loop would ask the channel layer for a channel per socket, and
        the thread of the database at every message.
        """
        if (await receive())["type"] != "websocket.connect":
            return
        self.hub = scope[STATE].hub
        self._receive = receive
        offered = scope.get("subprotocols", ())
        chosen = SUBPROTOCOL if SUBPROTOCOL in offered else None
        await send({"type": "websocket.accept", "subprotocol": chosen})
        self.sender = Sender(wire_of(scope, send))
        self.hub.senders.add(self.sender)
        metrics.current().sockets.inc()
        try:
            await self.serve(scope)
        except Refused as refusal:
            await self.refuse(refusal)
        except Gone:
            pass
        finally:
            await self.leave()

    async def serve(self, scope: Scope) -> None:
        """Let the client in, then do what it says until it leaves."""
        if self.hub.is_draining:
            raise Refused(Close.RESTART, "restart; come back and resume")
        await self.enter(scope)
        self.named = asked_in(scope)
        if self.named is not None:
            await self.in_time(self.follow_named(self.named))
        pace = Pace(settings.SOCKET_MESSAGES_A_SECOND, asyncio.get_running_loop().time)
        while True:
            text = await self.hear()
            if not pace.admits():
                raise Refused(Close.TOO_MANY, "too many messages a second")
            await self.in_time(self.obey(text))

    async def in_time(self, work: Coroutine[Any, Any, None]) -> None:
        """Wait for ``work``, but not for ever."""
        try:
            async with asyncio.timeout(HANDLE_WITHIN_S) as self.seat.limit:
                await work
        except (TimeoutError, DatabaseError) as error:
            logger.warning("A socket was not served: %s", repr(error))
            raise Refused(Close.UNAVAILABLE, "too busy; come back") from error
        finally:
            # Nobody needs it before the next, and thousands would keep one.
            self.seat.limit = None

    # --- who is there ---------------------------------------------------------------
    async def enter(self, scope: Scope) -> None:
        """Find out who it is, and whether there is a place for them."""
        handshake = Handshake(dict(scope), token_in(list(scope["subprotocols"])))
        address = f"address:{neighbourhood(client_address(handshake))}"
        await self.take_place(address, settings.SOCKETS_PER_ADDRESS)
        caller = await self.caller_of(handshake)
        if caller is None:
            raise Refused(Close.UNAUTHENTICATED, "not authenticated")
        account = f"account:{caller.principal.user_id}"
        await self.take_place(account, settings.SOCKETS_PER_ACCOUNT)
        self.seat = Seat(self.hub, self.sender, caller)
        self.hub.standing.add(caller, self.sender)
        self.hub.start()
        self.seat.say("welcome", streams=sorted(self.streams))

    async def caller_of(self, handshake: Handshake) -> Caller | None:
        """Return who shows a token or has a session; else wait for the first frame."""
        if handshake.shows_token:
            return await self.identified(handshake)
        if handshake.session_key and not handshake.is_from_own_page():
            raise Refused(Close.FORBIDDEN, "this Origin is not accepted")
        # Also what stands in the address is judged at once: it may be a secret.
        if handshake.session_key or handshake.META["QUERY_STRING"]:
            caller = await self.identified(handshake)
            if caller is not None:
                return caller
        try:
            async with asyncio.timeout(AUTHENTICATE_WITHIN_S):
                said = self.decoded(await self.hear())
        except TimeoutError:
            return None
        if not isinstance(said, Auth):
            return None
        return await self.identified(handshake.showing(said.token))

    async def identified(self, handshake: Handshake) -> Caller | None:
        try:
            async with asyncio.timeout(HANDLE_WITHIN_S):
                return await in_thread(identify)(handshake)
        except (TimeoutError, DatabaseError) as error:
            raise Refused(Close.UNAVAILABLE, "too busy; come back") from error

    async def take_place(self, who: str, most: int) -> None:
        place = await self.hub.places.take(who, most)
        if place is None:
            kind = who.partition(":")[0]
            raise Refused(Close.TOO_MANY, f"more than {most} sockets per {kind}")
        self._places.append(place)

    # --- what is said ---------------------------------------------------------------
    async def hear(self) -> str:
        """Return the next text, or raise ``Gone``."""
        while True:
            message: Message = await self._receive()
            if message["type"] == "websocket.disconnect":
                raise Gone
            if self.sender.closed_with is None:
                return self.text_of(message)

    def text_of(self, message: Message) -> str:
        text = message.get("text")
        if text is None:
            raise Refused(Close.UNREADABLE, "only text frames are understood")
        if len(text) > MOST_BYTES_IN or len(text.encode()) > MOST_BYTES_IN:
            raise Refused(Close.TOO_LARGE, f"at most {MOST_BYTES_IN} bytes a frame")
        return str(text)

    def decoded(self, text: str) -> commands.Command:
        try:
            said: commands.Command = commands.decode(text)
        except (msgspec.DecodeError, RecursionError) as error:
            raise Refused(Close.UNREADABLE, str(error)[:100]) from error
        return said

    async def obey(self, text: str) -> None:
        if text == "ping":
            self.sender.offer(frame("pong"))
            return
        said = self.decoded(text)
        if isinstance(said, Ping):
            self.sender.offer(frame("pong"))
        elif isinstance(said, Subscribe | Unsubscribe):
            await self.follow(said)
        else:
            detail = "This socket knows who you are."
            self.seat.say_error("already_authenticated", detail)

    async def follow_named(self, said: Subscribe) -> None:
        """Follow the one key that stands in the address, or close."""
        (stream,) = self.streams.values()
        if not self.seat.caller.principal.may(stream.scope):
            raise Refused(Close.FORBIDDEN, f"{stream.scope} is needed")
        following = self._followings[stream.name] = stream.followed_by(self.seat)
        await following.subscribe(said)
        if not self.seat.taken:
            reason = f"{said.keys[0][:60]} is not there, or not for you"
            raise Refused(Close.UNKNOWN_PATH, reason)

    async def follow(self, said: Subscribe | Unsubscribe) -> None:
        """Follow more keys of a stream, or fewer."""
        if self.named is not None:
            detail = "This socket follows what stands in its address."
            self.seat.say_error("one_key", detail)
            return
        stream = self.stream_of(said.stream)
        if stream is None:
            return
        if not self.seat.caller.principal.may(stream.scope):
            self.seat.say_error("forbidden", f"{stream.scope} is needed.", stream.name)
            return
        if not self.seat.can_look_up(said.keys, stream.name):
            return
        following = self._followings.get(stream.name)
        if following is None:
            following = self._followings[stream.name] = stream.followed_by(self.seat)
        if isinstance(said, Unsubscribe):
            await following.unsubscribe(said.keys)
            return
        if said.batch_ms is not None:
            self.batch(said.batch_ms)
        await following.subscribe(said)

    def batch(self, batch_ms: int) -> None:
        if batch_ms:
            self.hub.hold(self.sender, batch_ms)
        else:
            self.sender.batch(None)

    def stream_of(self, name: str) -> Stream | None:
        """Return the stream that is meant; a socket of one stream need not name it."""
        only = next(iter(self.streams)) if len(self.streams) == 1 else ""
        stream = self.streams.get(name or only)
        if stream is None:
            detail = f"There is no stream {name!r} here."
            self.seat.say_error("unknown_stream", detail)
        return stream

    # --- the end ----------------------------------------------------------------------
    async def refuse(self, refusal: Refused) -> None:
        """Close with the code, and wait until the client has been told."""
        code = refusal.code.name.lower()
        error = frame("error", code=code, detail=refusal.reason)
        self.sender.close(refusal.code, refusal.reason, error)
        try:
            async with asyncio.timeout(GONE_WITHIN_S):
                while (await self._receive())["type"] != "websocket.disconnect":
                    pass
        except TimeoutError:
            logger.debug("A refused client did not leave by itself.")

    async def leave(self) -> None:
        """Let go of everything that was taken."""
        self.sender.forget()
        self.hub.senders.discard(self.sender)
        counted = metrics.current()
        counted.sockets.dec()
        counted.sockets_closed.labels(self.sender.closed_with or "by client").inc()
        counted.frames_superseded.inc(self.sender.dropped)
        for place in self._places:
            self.hub.begin(self.hub.places.give_back(place))
        if hasattr(self, "seat"):
            self.hub.standing.remove(self.seat.caller, self.sender)
        for following in self._followings.values():
            following.leave()
