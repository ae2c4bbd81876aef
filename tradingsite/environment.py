"""Typed reading of the environment: a wrong value is a sentence at start.

A value of ``NAME`` may also be kept in a file named by ``NAME_FILE`` (a mounted
secret). An empty value counts as absent.
"""

import json
import os
import secrets
from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo

from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str = "") -> str:
    """Return the text of ``name``, or of the file that ``name_FILE`` names."""
    path = os.environ.get(f"{name}_FILE")
    if path:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(
                f"{name}_FILE names {path}, which cannot be read: {error.strerror}."
            ) from error
    return os.environ.get(name) or default


def integer(name: str, default: int, *, least: int = 0) -> int:
    """Return the whole number in ``name``; refuse anything else."""
    value = text(name)
    if not value:
        return default
    if not value.isascii() or not value.isdigit() or int(value) < least:
        raise ImproperlyConfigured(
            f"{name} must be a whole number of at least {least}, not {value!r}."
        )
    return int(value)


def flag(name: str, *, default: bool) -> bool:
    """Return the truth of ``name``: only True, False, 1, 0 or nothing is accepted."""
    value = text(name)
    known = {"True": True, "1": True, "False": False, "0": False, "": default}
    if value not in known:
        raise ImproperlyConfigured(f"{name} must be True or False, not {value!r}.")
    return known[value]


def time_of_day(name: str, default: str, zone: str) -> time | None:
    """Return a time of day such as 08:30, in ``zone``; None for "never"."""
    value = text(name, default)
    if value == "never":
        return None
    try:
        return time.fromisoformat(value).replace(tzinfo=ZoneInfo(zone))
    except ValueError as error:
        raise ImproperlyConfigured(
            f"{name} must be a time such as 08:30, or never, not {value!r}."
        ) from error


def texts(name: str, default: str = "") -> list[str]:
    """Return the comma-separated parts of ``name``."""
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def kept_secret(path: Path) -> str:
    """Return the secret in ``path``; make it on first use, readable by its owner."""
    try:
        if not path.exists():
            _make_secret(path)
        return path.read_text(encoding="ascii")
    except OSError as error:
        raise _unusable(path, error) from error


def _make_secret(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(64))
        # A link fails when the name is taken: of two processes one wins, whole.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink(missing_ok=True)


def _unusable(path: Path, error: OSError) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"The data folder {path.parent} cannot be used: {error.strerror}. Set "
        "TRADINGSITE_DATA to a folder that this user may write and that has room."
    )


def running_servers(data: Path) -> dict[str, str]:
    """Return the addresses that the embedded servers of ``data`` wrote down.

    Keys: ``database_url``, ``database_owner_url``, ``redis_url``, ``ticker_url``;
    empty when nothing was started there.
    """
    path = data / "servers.json"
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _unusable(path, error) from error
