"""The process that follows the orders of all accounts.

A few threads read books; a broker that hangs keeps one of them for some seconds, and
the other accounts wait for nothing. Any number of these processes may run: each takes
the accounts that nobody has.
"""

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue

from django.db import Error as DatabaseError
from django.db import connection
from django.utils import timezone

from accounts import hours
from accounts.brokers import BrokerError, BrokerNeedsHuman
from accounts.models import TradingAccount
from orders.models import Order
from orders.tracker import book_trades, track
from orders.turns import Rhythm
from tradingsite import claims

logger = logging.getLogger(__name__)

THREADS = 8
# Beyond the wait for the next turn: as long as a turn takes. Where one takes longer
# and somebody else takes over, the fence refuses what the first one writes.
LEASE_S = 10.0
# How often accounts that are new, or were let go by others, are looked for.
LOOK_S = 5.0
STEP_S = 0.1
DATABASE_AWAY_S = 2.0
PUZZLED_S = 60.0


@dataclass(slots=True)
class Followed:
    """An account that this process follows, and when its book is read next."""

    account: TradingAccount
    lease: claims.Lease
    rhythm: Rhythm = field(default_factory=Rhythm)
    is_market_open: bool = True
    is_being_read: bool = False
    is_lost: bool = False
    due_at: float = 0.0


class Follower:
    """Follows accounts until it is stopped; ``report`` is told how many they are."""

    def __init__(self, report: Callable[[int], object] = lambda _: None) -> None:
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self.stopping = threading.Event()
        self.followed: dict[int, Followed] = {}
        self._report = report
        self._look_at = 0.0
        self._errands: SimpleQueue[Followed | None] = SimpleQueue()

    def stop(self) -> None:
        self.stopping.set()

    def run(self) -> None:
        """Look for accounts and read their books until told to stop."""
        with ThreadPoolExecutor(THREADS, thread_name_prefix="orders") as threads:
            readers = [threads.submit(self._read_on) for _ in range(THREADS)]
            try:
                while not self.stopping.wait(STEP_S):
                    self._look_safely()
                    self._send_out()
            finally:
                for _ in readers:
                    self._errands.put(None)
        self.let_go()
        connection.close()

    def look(self) -> None:
        """Take the accounts that nobody follows, and let go of those that closed."""
        open_ones = TradingAccount.objects.exclude(status="closed")
        accounts = {one.pk: one for one in open_ones.select_related("connection")}
        for pk, one in list(self.followed.items()):
            if pk not in accounts:
                claims.release(one.lease)
            if pk not in accounts or one.is_lost:
                del self.followed[pk]
        places = hours.calendars_of(list(accounts.values()))
        now = timezone.now()
        for pk, account in accounts.items():
            mine = self.followed.get(pk) or self._taken(account)
            if mine is not None:
                # Its broker or its credentials may have changed.
                mine.account = account
                mine.is_market_open = hours.is_open(places[pk], now)
        self._report(len(self.followed))

    def let_go(self) -> None:
        """Give the accounts back, so that others need not wait for the leases' ends."""
        try:
            for one in self.followed.values():
                claims.release(one.lease)
        except DatabaseError as error:
            logger.warning("Leases end by themselves: %s", error)

    def turn(self, one: Followed) -> None:
        """Read one book, and find when it is read next."""
        wait_s = self._wait_after(one)
        if one.is_lost:
            logger.info("%s is followed by somebody else.", one.account.slug)
        one.due_at = time.monotonic() + wait_s
        one.is_being_read = False

    def _look_safely(self) -> None:
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + LOOK_S
        try:
            self.look()
        except DatabaseError as error:
            logger.warning("The database is away: %s", error)
            connection.close()

    def _taken(self, account: TradingAccount) -> Followed | None:
        lease = claims.acquire(f"orders:{account.pk}", self.owner, LEASE_S)
        if lease is None:
            return None
        self.followed[account.pk] = Followed(account, lease)
        return self.followed[account.pk]

    def _read_on(self) -> None:
        """Read the books that are due, one after another, in a thread."""
        try:
            while (one := self._errands.get()) is not None:
                # Brokers that hang keep nobody here: whoever comes next reads them.
                if self.stopping.is_set():
                    return
                self.turn(one)
        finally:
            connection.close()

    def _send_out(self) -> None:
        now = time.monotonic()
        for one in list(self.followed.values()):
            if one.due_at <= now and not (one.is_being_read or one.is_lost):
                one.is_being_read = True
                self._errands.put(one)

    def _wait_after(self, one: Followed) -> float:
        try:
            wait_s = self._read(one)
            one.is_lost = claims.renew(one.lease, LEASE_S + wait_s) is None
        except claims.LeaseLost:
            one.is_lost = True
            return LOOK_S
        except DatabaseError as error:
            logger.warning("%s: the database is away: %s", one.account.slug, error)
            connection.close()
            return DATABASE_AWAY_S
        except Exception:
            # The thread goes on to other accounts, whatever is wrong with this one.
            logger.exception("The orders of %s could not be read.", one.account.slug)
            return PUZZLED_S
        return wait_s

    def _read(self, one: Followed) -> float:
        try:
            applied = track(one.account, one.lease)
        except BrokerError as error:
            logger.warning("%s: orders were not read: %s", one.account.slug, error)
            return one.rhythm.after_failure(
                for_good=isinstance(error, BrokerNeedsHuman)
            )
        if applied.has_fills:
            book_trades(one.account)
        return one.rhythm.after_success(
            time.monotonic(),
            is_busy=Order.objects.told(one.account.pk).working().exists(),
            has_moved=bool(applied.changes),
            is_open=one.is_market_open,
        )
