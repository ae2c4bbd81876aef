"""What must be true before the site serves: tables, static files, a demo desk."""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from tradingsite.management.answers import answer_of

AWAIT_WITHIN_S = 60

Say = Callable[[str], None]


@contextmanager
def timed(say: Say, text: str) -> Iterator[None]:
    """Say what was done and how long it took."""
    began = time.monotonic()
    yield
    say(f"{time.monotonic() - began:5.1f} s  {text}")


def prepare(say: Say, *, demo: list[str], awaited: list[str]) -> None:
    """Bring the database and the static files up to date, then load ``demo``."""
    with timed(say, "tables are up to date"):
        migrate()
    with timed(say, "static files are collected"):
        collect_static_files()
    for command in settings.PREPARATIONS:
        with timed(say, f"{command} is done"):
            call_command(command, verbosity=0)
    for url in awaited:
        with timed(say, f"{url} answers"):
            await_answer(url)
    for command in demo:
        with timed(say, f"{command} has loaded"):
            call_command(command, verbosity=0)


def await_answer(url: str) -> None:
    """Return when ``url`` answers, or when it has had time enough."""
    deadline = time.monotonic() + AWAIT_WITHIN_S
    while answer_of(url) is None and time.monotonic() < deadline:
        time.sleep(0.1)


def migrate() -> None:
    """Apply what is unapplied; without any, spare the checks that follow each run."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", interactive=False, verbosity=0)


def collect_static_files() -> None:
    """Collect, unless nothing has changed since the last time."""
    record = Path(settings.DATA_DIR) / "static.sha256"
    fingerprint = fingerprint_of_sources()
    if record.exists() and record.read_text() == fingerprint:
        return
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)
    record.write_text(fingerprint)


def fingerprint_of_sources() -> str:
    digest = hashlib.sha256(repr(settings.STORAGES["staticfiles"]).encode())
    for finder in get_finders():
        for name, storage in finder.list([]):
            changed = storage.get_modified_time(name).timestamp()
            digest.update(f"{name} {storage.size(name)} {changed}\n".encode())
    return digest.hexdigest()
