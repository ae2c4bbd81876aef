"""How many sockets one address and one account may have, and how much they may say.

Places are counted by all processes together, in Redis: each is a lease that its
process renews, so that those of a killed process come free by themselves. While Redis
is away each process counts its own.
"""

import asyncio
import itertools
import logging
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from redis.exceptions import RedisError

from tradingsite import redis

logger = logging.getLogger(__name__)

# As long as this a killed process keeps its clients from coming back elsewhere.
LEASE_S = 10.0
RENEW_EVERY_S = 3.0
PLACES_A_SCRIPT = 200

# Count what is not over, and take a place if one is left, in one step.
_TAKE = """
local now = redis.call('TIME')
local at = now[1] + now[2] / 1e6
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', at)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], at + ARGV[2], ARGV[3])
redis.call('EXPIRE', KEYS[1], math.ceil(ARGV[2]))
return 1
"""
_RENEW = """
local now = redis.call('TIME')
for n, key in ipairs(KEYS) do
    redis.call('ZADD', key, now[1] + ARGV[1], ARGV[n + 1])
    redis.call('EXPIRE', key, math.ceil(ARGV[1]))
end
"""


@dataclass(frozen=True, slots=True)
class Place:
    """One socket among those of ``who``."""

    who: str
    member: str

    @property
    def key(self) -> str:
        return f"{settings.REDIS_PREFIX}:sockets:{self.who}"


class Places:
    """The places that this process has taken."""

    def __init__(self, lease_s: float = LEASE_S) -> None:
        self._lease_s = lease_s
        self._taken: set[Place] = set()
        # Given back, but Redis does not know it yet.
        self._returned: set[Place] = set()
        self._is_returning = False
        self._own: Counter[str] = Counter()
        self._process = secrets.token_hex(8)
        self._numbers = itertools.count()

    async def take(self, who: str, most: int) -> Place | None:
        """Take one of the ``most`` places of ``who``; None when none is free."""
        if self._own[who] >= most:
            return None
        place = Place(who, f"{self._process}:{next(self._numbers)}")
        # At once, so that no other task takes it meanwhile.
        self._own[who] += 1
        self._taken.add(place)
        try:
            is_free = await redis.async_client().eval(
                _TAKE, 1, place.key, most, self._lease_s, place.member
            )
        except RedisError as error:
            logger.info("Sockets are counted by this process alone: %s", error)
            return place
        if is_free:
            return place
        self._free(who)
        self._taken.discard(place)
        return None

    async def give_back(self, place: Place) -> None:
        """Let another have it; what many give back at once goes in one step."""
        self._free(place.who)
        self._taken.discard(place)
        self._returned.add(place)
        if not self._is_returning:
            self._is_returning = True
            try:
                await self._return()
            finally:
                self._is_returning = False

    async def give_back_all(self) -> None:
        """Let others have all of them: this process ends."""
        self._returned |= self._taken
        self._taken.clear()
        await self._return()

    async def run(self) -> None:
        """Renew the leases until cancelled."""
        while True:
            await asyncio.sleep(RENEW_EVERY_S)
            await self.renew()
            await self._return()

    async def renew(self) -> None:
        """Say that the places are still taken."""
        pipeline = redis.async_client().pipeline(transaction=False)
        taken = list(self._taken)
        for start in range(0, len(taken), PLACES_A_SCRIPT):
            some = taken[start : start + PLACES_A_SCRIPT]
            keys, members = [p.key for p in some], [p.member for p in some]
            pipeline.eval(_RENEW, len(some), *keys, self._lease_s, *members)
        try:
            await pipeline.execute()
        except RedisError as error:
            logger.info("Places of sockets were not renewed: %s", error)

    async def _return(self) -> None:
        while self._returned:
            # Others that leave in the same moment come along.
            await asyncio.sleep(0)
            places = list(self._returned)
            pipeline = redis.async_client().pipeline(transaction=False)
            for place in places:
                pipeline.zrem(place.key, place.member)
            try:
                await pipeline.execute()
            except RedisError as error:
                logger.debug("Places come free a little later: %s", error)
                return
            self._returned.difference_update(places)

    def _free(self, who: str) -> None:
        self._own[who] -= 1
        if self._own[who] <= 0:
            del self._own[who]


class Pace:
    """Lets ``per_second`` messages through, and as many at once after a pause."""

    def __init__(self, per_second: float, clock: Callable[[], float]) -> None:
        self._per_second = per_second
        self._clock = clock
        self._left = per_second
        self._at = clock()

    def admits(self) -> bool:
        """Count one message; tell whether it still keeps to the pace."""
        now = self._clock()
        gained = (now - self._at) * self._per_second
        self._left = min(self._per_second, self._left + gained)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
