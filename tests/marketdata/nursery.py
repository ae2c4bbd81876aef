"""Starts processes by fork, so that the cost of a start is paid once for many kills.

Each line on standard input names what to start: ``ingest_ticks`` and ``roll_up_bars``
are the commands, ``careless`` is an ingestor that commits its position before the bars,
``careless_rollup`` a rollup that takes the marks away before it makes the bars: what
must not be. Both die between the two, so that no chance decides what they lose. The
answer is the pid.
"""

import os
import signal
import sys
from typing import Any, NoReturn
from unittest import mock

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradingsite.settings")
django.setup()

from django.core.management import call_command  # noqa: E402 - needs the settings
from django.db import transaction  # noqa: E402

from marketdata.ingest import flushing, ingestor  # noqa: E402
from marketdata.ingest.shard import Shard  # noqa: E402
from marketdata.ingest.store import Store  # noqa: E402
from marketdata.rollups import claiming, rolling  # noqa: E402


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("Nobody survives this.")


def careless_flush(shard: Shard, store: Store, _contracts: Any) -> flushing.Flushed:
    if not shard.builder.pending:
        return flushing.Flushed()
    with transaction.atomic():
        flushing._write_notes(store.cursor(), shard, store)
    die()


def ingest() -> None:
    call_command("ingest_ticks", "--lease-seconds", "0.6")


def ingest_carelessly() -> None:
    with mock.patch.object(ingestor, "flush", careless_flush):
        ingest()


def careless_batch(batch: int) -> rolling.Rolled:
    with transaction.atomic():
        claim = claiming.claim(batch)
    if claim is None:
        return rolling.Rolled()
    die()


def roll_up() -> None:
    every = ("--every", "0.02", "--batch", "40")
    call_command("roll_up_bars", *every, stdout=sys.stderr)


def roll_up_carelessly() -> None:
    with mock.patch.object(rolling, "roll_batch", careless_batch):
        roll_up()


CHILDREN = {
    "ingest_ticks": ingest,
    "careless": ingest_carelessly,
    "roll_up_bars": roll_up,
    "careless_rollup": roll_up_carelessly,
}


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            CHILDREN[line.strip()]()
            os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
