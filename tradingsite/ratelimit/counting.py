"""The count itself: one script for all that a request must keep to."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings

from tradingsite import redis

WINDOW_S = 60

# KEYS: the counts. ARGV: the window in ms, how many more are wanted beside the one
# at hand, then the limit of each count. A count is a hash: n, and the id of its window
# (when it began), so that what is left of one is not used in the next. Returns: 1
# or 0, how many more were granted, and n, ms to the end and id of each.
TAKE = """
local window, wanted = tonumber(ARGV[1]), tonumber(ARGV[2])
local counts, room = {}, nil
for i, key in ipairs(KEYS) do
  local n = tonumber(redis.call('HGET', key, 'n') or '0')
  local left = tonumber(ARGV[2 + i]) - n
  counts[i] = n
  if room == nil or left < room then room = left end
end
local allowed, granted = 0, 0
if room >= 1 then
  allowed = 1
  granted = math.min(wanted, room - 1)
end
local answer = {allowed, granted}
for i, key in ipairs(KEYS) do
  if allowed == 1 then
    counts[i] = redis.call('HINCRBY', key, 'n', 1 + granted)
    if counts[i] == 1 + granted and redis.call('HEXISTS', key, 'id') == 0 then
      local now = redis.call('TIME')
      redis.call('HSET', key, 'id', now[1] .. '.' .. now[2])
      redis.call('PEXPIRE', key, window)
    end
  end
  answer[#answer + 1] = counts[i]
  answer[#answer + 1] = redis.call('PTTL', key)
  answer[#answer + 1] = redis.call('HGET', key, 'id') or ''
end
return answer
"""


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many requests a window for whom ``key`` names."""

    key: str
    limit: int
    window_s: int = WINDOW_S


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request may pass, and how its tightest allowance stands then.

    ``reset_s`` is the number of seconds until that window ends, at least one;
    ``leased`` how many further requests were counted beforehand, and ``windows``
    the ids of the windows in which they were.
    """

    is_allowed: bool
    limit: int
    remaining: int
    reset_s: int
    window_s: int = WINDOW_S
    leased: int = 0
    windows: Sequence[bytes] = ()


def take(allowances: Sequence[Allowance], *, wanted: int = 0) -> Verdict:
    """Count one request, and up to ``wanted`` more, unless an allowance is used up.

    A refused request is not counted. Raises RedisError when nobody can count.
    """
    first = allowances[0]
    found = redis.client().eval(
        TAKE,
        len(allowances),
        *(name_of(each.key) for each in allowances),
        *(first.window_s * 1000, wanted, *(each.limit for each in allowances)),
    )
    return read(allowances, found)


def name_of(key: str) -> str:
    return f"{settings.REDIS_PREFIX}:limit:{key}"


def read(allowances: Sequence[Allowance], found: Sequence[int | bytes]) -> Verdict:
    """Return what the script found, told by the allowance with the least left."""
    allowed, granted, *told = found
    states = [tuple(told[i : i + 3]) for i in range(0, len(told), 3)]
    left = [
        each.limit - int(state[0])
        for each, state in zip(allowances, states, strict=True)
    ]
    tightest = left.index(min(left))
    ends_in_ms = int(states[tightest][1])
    return Verdict(
        is_allowed=bool(allowed),
        limit=allowances[tightest].limit,
        remaining=max(0, left[tightest]),
        reset_s=max(1, -(-ends_in_ms // 1000)),
        window_s=allowances[tightest].window_s,
        leased=int(granted),
        windows=[bytes(state[2]) for state in states],
    )
