"""How the long commands of the market are told to end."""

import signal
import threading
from collections.abc import Callable


def stop_when_told(stop: Callable[[], None], after_s: float = 0) -> None:
    """Call ``stop`` on SIGTERM, on Ctrl-C and, unless 0, after so many seconds."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop())
    if after_s:
        timer = threading.Timer(after_s, stop)
        timer.daemon = True
        timer.start()
