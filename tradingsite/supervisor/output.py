"""What the supervisor says: progress, and the lines of each process with its name."""

import contextlib
import threading
from typing import IO, TextIO

COLORS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
LONGEST_LINE = 8192


class Console:
    """One place to write whole lines, colored only on a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._colors: dict[str, int] = {}
        self._width = 10

    @property
    def is_terminal(self) -> bool:
        return self._stream.isatty()

    def say(self, text: str) -> None:
        # A terminal that went away must not keep us from stopping in order.
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._stream.write(f"{text}\n")
            self._stream.flush()

    def line(self, name: str, text: str) -> None:
        """Write a line that a process wrote."""
        label = name.ljust(self._width)
        if self.is_terminal:
            color = self._colors.setdefault(
                name, COLORS[len(self._colors) % len(COLORS)]
            )
            label = f"\033[{color}m{label}\033[0m"
        self.say(f"{label} | {text}")

    def follow(self, name: str, pipe: IO[bytes]) -> None:
        """Write the lines of ``pipe`` from now on, in a thread that ends with it."""
        self._width = max(self._width, len(name))
        threading.Thread(
            target=self._copy, args=(name, pipe), name=f"output of {name}", daemon=True
        ).start()

    def _copy(self, name: str, pipe: IO[bytes]) -> None:
        with pipe, contextlib.suppress(OSError, ValueError):
            while raw := pipe.readline(LONGEST_LINE):
                self.line(name, raw.decode(errors="replace").rstrip())
