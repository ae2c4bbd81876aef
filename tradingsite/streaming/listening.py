"""The one connection of a process on which it hears what the others published.

Every second a pulse is published the ordinary way and must be heard here, so that a
server that hangs, a connection that leads nowhere and a master that is one no more are
all noticed within ``SILENCE_S``. Then another connection is opened; who listens is told
when nothing can be heard, and when it can be again, because what was published in
between is lost.
"""

import asyncio
import contextlib
import logging
import random
import secrets
from typing import Protocol

from redis.exceptions import RedisError

from tradingsite import redis
from tradingsite.redis.subscribing import Heard, Subscription
from tradingsite.streaming.publishing import channel_of

logger = logging.getLogger(__name__)

PULSE_S = 1.0
SILENCE_S = 3.0
CONFIRM_WITHIN_S = 1.0
FIRST_WAIT_S, LONGEST_WAIT_S = 0.1, 2.0


class Silence(RedisError):  # noqa: N818 - reads as what happened
    """Nothing was heard for so long that the connection must be dead."""


class Listening(Protocol):
    """Who is told."""

    def heard(self, channel: str, payload: bytes) -> None: ...

    def connected(self) -> None: ...

    def lost(self) -> None: ...


class Listener:
    """Keeps the connection, and on it one subscription per channel."""

    def __init__(self, told: Listening) -> None:
        self.is_connected = False
        self._told = told
        self._pulse = channel_of(f"pulse:{secrets.token_hex(8)}")
        self._channels: set[str] = set()
        self._confirmed: dict[str, asyncio.Event] = {}
        self._subscription: Subscription | None = None
        self._wait_s = FIRST_WAIT_S

    async def run(self) -> None:
        """Listen until cancelled."""
        pulse = asyncio.create_task(self._beat())
        try:
            while True:
                await self._listen_once()
                await asyncio.sleep(self._wait_s * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
                self._wait_s = min(self._wait_s * 2, LONGEST_WAIT_S)
        finally:
            pulse.cancel()

    async def subscribe(self, *channels: str) -> None:
        """Hear ``channels`` from now on; return when that is so, or Redis is away."""
        self._channels.update(channels)
        if self._subscription is None:
            return
        asked = {
            channel: self._confirmed.setdefault(channel, asyncio.Event())
            for channel in channels
        }
        waiting = [name for name, confirmed in asked.items() if not confirmed.is_set()]
        if not waiting:
            return
        with contextlib.suppress(RedisError, TimeoutError, OSError):
            async with asyncio.timeout(CONFIRM_WITHIN_S):
                await self._subscription.subscribe(*waiting)
                for name in waiting:
                    await asked[name].wait()

    async def unsubscribe(self, channel: str) -> None:
        self._channels.discard(channel)
        self._confirmed.pop(channel, None)
        if self._subscription is not None:
            with contextlib.suppress(RedisError, OSError):
                await self._subscription.unsubscribe(channel)

    async def _listen_once(self) -> None:
        try:
            async with redis.subscription() as subscription:
                await subscription.subscribe(self._pulse, *self._channels)
                self._subscription = subscription
                await self._listen(subscription)
        except (RedisError, OSError) as error:
            logger.warning("Nothing is heard for a moment: %s", repr(error))
        finally:
            self._subscription = None
            self._confirmed.clear()
            if self.is_connected:
                self.is_connected = False
                self._told.lost()

    async def _listen(self, subscription: Subscription) -> None:
        clock = asyncio.get_running_loop().time
        heard_at = clock()
        while True:
            heard = await subscription.hear(PULSE_S)
            if heard is not None:
                heard_at = clock()
                self._take(heard)
            elif clock() - heard_at > SILENCE_S:
                raise Silence(f"no pulse for {SILENCE_S:.0f} s")

    def _take(self, heard: Heard) -> None:
        kind, channel, value = heard
        name = channel.decode()
        if kind == b"message":
            if name != self._pulse:
                self._told.heard(name, value)
        elif kind == b"subscribe":
            self._confirmed.setdefault(name, asyncio.Event()).set()
            is_all = all(
                name in self._confirmed and self._confirmed[name].is_set()
                for name in self._channels
            )
            if is_all and not self.is_connected:
                self.is_connected = True
                self._wait_s = FIRST_WAIT_S
                self._told.connected()

    async def _beat(self) -> None:
        while True:
            with contextlib.suppress(RedisError):
                await redis.async_client().publish(self._pulse, b"")
            await asyncio.sleep(PULSE_S)
