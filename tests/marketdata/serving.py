"""Serving without an event loop: what it needs is fetched at once."""

import time

from marketdata.history import watch
from marketdata.history.asking import Need
from marketdata.udf import answers
from marketdata.udf.answers import Answers


class Desk:
    """One process that answers, and looks when it is told to."""

    def __init__(self, capacity: int = 8 * 1024 * 1024) -> None:
        self.answers = Answers(capacity)
        self.fetched: list[str] = []
        self.look()

    def look(self) -> None:
        seen = self.answers.serving.seen
        self.answers.take_look(watch.look(seen.xmin if seen else watch.NOTHING_YET))

    def ask(self, query: str, now: float | None = None) -> bytes | None:
        """Return the answer; None when the view must give it."""
        text = query.encode()
        known = self.answers.known(text)
        asked = answers.read(text)
        if known is not None or asked is None:
            return known
        for _ in range(50):
            step = self.answers.step(asked, now or time.time())
            if not isinstance(step, Need):
                return step
            self.fetched.append(step.name[0])
            step.take(step.fetch())
        raise AssertionError(f"Still not answered: {self.fetched[-20:]}")
