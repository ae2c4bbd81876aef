"""Takes from one allowance with many threads; prints how often it was allowed.

``python -m tests.tradingsite.children.taking KEY LIMIT THREADS TRIES HOW``; it begins
when it is told to on its input. ``get-then-set`` is the control: it reads, then writes.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import django

django.setup()

from tradingsite import redis  # noqa: E402
from tradingsite.ratelimit import Allowance, take  # noqa: E402


def exactly(key: str, limit: int) -> bool:
    return take([Allowance(key, limit)]).is_allowed


def by_get_then_set(key: str, limit: int) -> bool:
    client = redis.client()
    count = int(client.get(key) or 0)
    if count >= limit:
        return False
    client.set(key, count + 1, ex=60)
    return True


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(key: str, limit: int, threads: int, tries: int, how: str) -> None:
    ask = by_get_then_set if how == "get-then-set" else exactly
    ask(f"{key}:warm", 1)
    tell("ready")
    sys.stdin.readline()
    with ThreadPoolExecutor(threads) as pool:
        found = pool.map(lambda _: ask(key, limit), range(threads * tries))
    tell(str(sum(found)))


if __name__ == "__main__":
    key, limit, threads, tries, how = sys.argv[1:]
    main(key, int(limit), int(threads), int(tries), how)
