"""The data folder: private, owned by one process at a time, written atomically."""

import contextlib
import errno
import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tradingsite.embedded.errors import EmbeddedError
from tradingsite.embedded.footprints import Footprint

OWNER_FILE = "owner.lock"


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what the file system refuses into one sentence."""
    try:
        yield
    except OSError as error:
        reasons = {
            errno.EACCES: "permission denied",
            errno.EPERM: "permission denied",
            errno.EROFS: "the file system is read-only",
            errno.ENOSPC: "the disk is full",
            errno.EDQUOT: "the disk quota is used up",
            errno.ENOTDIR: "a part of its path is not a folder",
            errno.EEXIST: "a part of its path is not a folder",
        }
        reason = reasons.get(error.errno or 0, error.strerror or str(error))
        raise EmbeddedError(
            f"The data folder {path} cannot be written: {reason}; "
            "set TRADINGSITE_DATA to another folder or make room for this one."
        ) from error


def private_folder(path: Path) -> None:
    """Make a folder that only its owner may enter."""
    with explained(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)


def write_private(path: Path, content: str) -> None:
    """Replace a file as a whole, readable by its owner only."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with explained(path.parent):
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


def read_json(path: Path) -> dict[str, Any]:
    """Return what was written down, nothing when it is absent or torn."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def kept_passwords(path: Path, names: tuple[str, ...]) -> dict[str, str]:
    """Return a password per name; what is missing is made once and kept."""
    kept = read_json(path)
    missing = {name: secrets.token_urlsafe(32) for name in names if name not in kept}
    if missing:
        write_private(path, json.dumps(kept | missing))
    return kept | missing


class DataFolder:
    """The folder of one running site; the lock tells who has it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    @property
    def is_taken(self) -> bool:
        return self._descriptor is not None

    def take(self) -> None:
        """Become the one owner, or say who is."""
        if self.is_taken:
            return
        private_folder(self.path)
        with explained(self.path):
            descriptor = os.open(
                self.path / OWNER_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
        try:
            self._lock(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise EmbeddedError(self._occupied()) from error
        me = Footprint.of(os.getpid())
        with explained(self.path):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(me.as_json() if me else {}).encode(), 0)

    def _occupied(self) -> str:
        owner = read_json(self.path / OWNER_FILE).get("pid", "unknown")
        return (
            f"The data folder {self.path} is in use by process {owner}; "
            "stop that one, or set TRADINGSITE_DATA to another folder."
        )
