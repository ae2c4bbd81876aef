"""What this process has proven a moment ago, and the look that tells what to forget.

Triggers note each change of a credential, and of the people and roles behind it, with
the transaction it was made in. A look asks, in one statement on one snapshot, for what
changed in transactions that the look before could not see the end of: none is missed,
however long it took to commit, and Redis has no part in it. A look is made
``AUTHENTICATION_LOOK_S`` after the last, by the request that finds it due; without
one in the last ``HOLDS_S`` (a database that is slow or gone) nothing is remembered.
"""

import functools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from accounts.models import User
from accounts.principals import Principal

HOLDS_S = 0.5
# After so long without a look everything is forgotten: old changes are not kept.
FORGETS_S = 60.0
# How long a proof is good at most: then its use is noted again.
LONGEST = timedelta(seconds=60)
MOST = 10_000
_LOOK = """
SELECT pg_snapshot_xmin(pg_current_snapshot())::text,
       (SELECT array_agg(DISTINCT user_id) FROM credential_changes
         WHERE changed_in >= %s::xid8)
"""
# Greater than any transaction there is: who knows nothing has nothing to forget.
_NOTHING_YET = str(2**63)


@dataclass(frozen=True, slots=True)
class Proof:
    """Who was proven, and until when that may be said without asking again."""

    user: User
    principal: Principal
    until: datetime


class Memory:
    """The proofs of one process, by the hash of what was shown."""

    def __init__(self) -> None:
        self._proofs: dict[bytes, Proof] = {}
        self._lock = threading.Lock()
        self._looking = threading.Lock()
        self._looked_at = float("-inf")
        self._looks = 0
        self._since = _NOTHING_YET

    def recall(
        self, name: bytes, now: datetime, prove: Callable[[], Proof | None]
    ) -> Proof | None:
        """Return the proof of ``name`` if it still stands, else ask for it."""
        if not self._is_current():
            return prove()
        proof = self._proofs.get(name)
        if proof is not None and now < proof.until:
            return proof
        looks = self._looks
        proof = prove()
        if proof is not None:
            self._keep(name, proof, looks)
        return proof

    def _keep(self, name: bytes, proof: Proof, looks: int) -> None:
        with self._lock:
            # A look meanwhile may have told of a change that the proof did not see.
            if looks != self._looks:
                return
            self._proofs.pop(name, None)
            while len(self._proofs) >= MOST:
                del self._proofs[next(iter(self._proofs))]
            self._proofs[name] = proof

    def _is_current(self) -> bool:
        """Look if it is time; tell whether what is remembered may be used."""
        now = time.monotonic()
        if now - self._looked_at >= settings.AUTHENTICATION_LOOK_S:
            self._look_unless_another_does(now)
        return time.monotonic() - self._looked_at < HOLDS_S

    def _look_unless_another_does(self, now: float) -> None:
        if not self._looking.acquire(blocking=False):
            return
        try:
            with connection.cursor() as cursor:
                cursor.execute(_LOOK, [self._since])
                since, changed = cursor.fetchone()
            self._forget(set(changed or ()), is_old=now - self._looked_at > FORGETS_S)
            self._since, self._looked_at = since, now
        finally:
            self._looking.release()

    def _forget(self, user_ids: set[int | None], *, is_old: bool) -> None:
        with self._lock:
            self._looks += 1
            if is_old or None in user_ids:
                self._proofs.clear()
            elif user_ids:
                self._proofs = {
                    name: proof
                    for name, proof in self._proofs.items()
                    if proof.user.pk not in user_ids
                }


@functools.cache
def of_this_process() -> Memory:
    """Return the memory that all requests of this process share."""
    return Memory()
