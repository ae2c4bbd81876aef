"""What a run of the simulator is asked for."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The choices of the command line."""

    redis_url: str
    host: str = "127.0.0.1"
    port: int = 0
    exchange: str = "DEMO"
    seed: int = 1
    start: float | None = None
    rate: float = 400.0
    speed: float = 1.0
    stream: str = "ticks"
    shards: int = 2
    maxlen: int = 1_000_000
    keep_mb: int = 256
    batch: int = 100
    max_ticks: int | None = None
    truth: Path | None = None
    state: Path | None = None
    trader: str = ""
    replay: tuple[Path, ...] = ()
    is_streaming: bool = True
    is_publishing: bool = False
    with_depth: bool = True
    stays: bool = False
