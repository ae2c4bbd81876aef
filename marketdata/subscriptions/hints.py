"""Listening to the ticker's own notices of subscriptions: a hint, never the truth.

What others subscribe to is worth its history at once. A notice that was missed does
no harm: the survey finds the bars that then come.
"""

import logging
import threading
from typing import Any

import msgspec
from django.db import Error as DatabaseError
from django.db import connection
from redis.exceptions import RedisError

from marketdata.models import Instrument
from marketdata.subscriptions.sessions import backfill_now
from marketdata.ticks import UNREADABLE
from tradingsite import redis as ground

logger = logging.getLogger(__name__)

CHANNEL = "ticker:nifty:events"
CREATED = "subscription_created"
LISTEN_S = 1.0
LONGEST_WAIT_S = 30.0


class Notice(msgspec.Struct, frozen=True):
    """What the ticker service tells when a subscription comes or goes."""

    event_type: str
    instrument_token: int


_decode = msgspec.json.Decoder(Notice).decode


class Listener:
    """Hears notices in a thread of its own, for as long as its ``with`` block."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hints", daemon=True)
        self._wait_s = LISTEN_S

    def __enter__(self) -> "Listener":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except (RedisError, DatabaseError) as error:
                logger.warning("No hints for %.0f s: %s", self._wait_s, error)
                connection.close()
                self._stopping.wait(self._wait_s)
                self._wait_s = min(self._wait_s * 2, LONGEST_WAIT_S)
        connection.close()

    def _listen(self) -> None:
        client = ground.blocking_client(LISTEN_S)
        with client.pubsub(ignore_subscribe_messages=True) as channel:
            channel.subscribe(CHANNEL)
            while not self._stopping.is_set():
                message: Any = channel.get_message(timeout=LISTEN_S)
                self._wait_s = LISTEN_S
                if message is not None:
                    hear(message["data"])


def hear(body: bytes) -> bool:
    """Ask at once for the history of what a notice names, if we know it."""
    try:
        notice = _decode(body)
    except UNREADABLE as error:
        logger.info("A notice could not be read: %s", error)
        return False
    if notice.event_type != CREATED:
        return False
    named = Instrument.objects.filter(
        broker_token=notice.instrument_token, is_active=True
    )
    instruments = list(named[:1])
    if instruments:
        backfill_now(instruments)
    return bool(instruments)
