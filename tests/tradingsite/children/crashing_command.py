"""Carries out commands for alice in forks that die at the moments given.

Prints per moment, as JSON: the signal it died of, the effects and keys left then, and
the exit code and effects after the same command was sent again.
"""

import json
import os
import signal
import sys

import django
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import RequestFactory

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402

from tests.tradingsite.children.effects import execute, rows  # noqa: E402
from tradingsite import idempotency  # noqa: E402
from tradingsite.models import IdempotencyKey  # noqa: E402


class Killer:
    """Kills this process when the moment comes that it waits for."""

    moment = ""

    def die_at(self, moment: str) -> None:
        if moment == self.moment:
            os.kill(os.getpid(), signal.SIGKILL)


killer = Killer()


@idempotency.idempotent
def command(request: HttpRequest) -> HttpResponse:
    killer.die_at("before the effect")
    execute(
        "INSERT INTO test_effects SELECT coalesce(max(message_id), 0) + 1, %s"
        " FROM test_effects",
        int(request.headers["Idempotency-Key"]),
    )
    killer.die_at("after the effect")
    transaction.on_commit(lambda: killer.die_at("after the commit"))
    return JsonResponse({"done": True})


class KeysWatched(type(IdempotencyKey.objects)):  # type: ignore[misc]
    """Dies around the writing of the answer."""

    def create(self, **fields: object) -> IdempotencyKey:
        killer.die_at("before the answer is kept")
        kept: IdempotencyKey = super().create(**fields)
        killer.die_at("before the commit")
        return kept


def carry_out(number: int, moment: str) -> int:
    """Send command ``number`` in a fork that dies at ``moment``; return its end."""
    connections.close_all()
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    killer.moment = moment
    request = RequestFactory().post(
        "/command", headers={"Idempotency-Key": str(number)}
    )
    request.user = get_user_model().objects.get(username="alice")
    killer.die_at("before the command")
    os._exit(0 if command(request).status_code == 200 else 1)


def left(number: int) -> list[int]:
    found = rows("SELECT 1 FROM test_effects WHERE number = %s", number)
    return [len(found), IdempotencyKey.objects.filter(key=str(number)).count()]


IdempotencyKey.objects.__class__ = KeysWatched
story = {}
for number, moment in enumerate(sys.argv[1:]):
    died_of = carry_out(number, moment)
    after_death = left(number)
    story[moment] = [died_of, after_death, carry_out(number, "never"), left(number)]
sys.stdout.write(json.dumps(story))
