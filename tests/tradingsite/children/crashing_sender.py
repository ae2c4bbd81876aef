"""Dies by kill -9 between COMMIT and whatever would have followed it.

``outbox``: the effect was written with its cause. ``on_commit``: it follows COMMIT.
"""

import os
import signal
import sys

import django
from django.db import transaction

django.setup()

from tests.tradingsite.children.effects import note_delivery  # noqa: E402
from tradingsite import outbox  # noqa: E402

with transaction.atomic():
    transaction.on_commit(lambda: os.kill(os.getpid(), signal.SIGKILL))
    if sys.argv[1] == "outbox":
        outbox.send("record", {"number": 1})
    else:
        transaction.on_commit(lambda: note_delivery(0, "", 1))
