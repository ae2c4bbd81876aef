"""How the product reaches PostgreSQL: addresses, pools, time limits.

Rules: a pool only in web processes, no persistent connections, safe behind a
transaction-pooling PgBouncer (no prepared statements, no server-side cursors, no
session locks). The engine is ``tradingsite.database`` (see ``base``): Django's
own, with a slow-query log and the request's deadline on every statement; for
TimescaleDB it is that of django-timescaledb, which stands on ours
(``TIMESCALE_DB_BACKEND_BASE``) and only adds the extension to a new database.

Time limits reach the server as start-up options. A PgBouncer in front must be
told ``ignore_startup_parameters = options`` and then the roles carry them
(``ALTER ROLE tradingsite SET statement_timeout = '30s'`` and so on).
"""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

# What DATABASE_ENGINE may say.
ENGINES = {
    "postgresql": "tradingsite.database",
    "timescale": "timescale.db.backends.postgresql",
}
CONNECT_TIMEOUT_S = 3
WAITING_PER_CONNECTION = 4


@dataclass(frozen=True)
class TimeLimits:
    """How long one statement, one lock and one idle transaction may take; 0 is ever."""

    statement_s: int
    lock_s: int
    idle_in_transaction_s: int

    def as_options(self) -> str:
        """Return the start-up options that PostgreSQL understands."""
        limits = {
            "statement_timeout": self.statement_s,
            "lock_timeout": self.lock_s,
            "idle_in_transaction_session_timeout": self.idle_in_transaction_s,
        }
        return " ".join(f"-c {name}={limit}s" for name, limit in limits.items())


# Whoever types a command may have asked for something long (a migration, an
# import), but must not queue behind a lock for ever while others queue behind it.
COMMAND_LIMITS = TimeLimits(statement_s=0, lock_s=60, idle_in_transaction_s=0)
PROCESS_LIMITS = TimeLimits(statement_s=60, lock_s=10, idle_in_transaction_s=60)


def time_limits(process_kind: str, *, request_timeout_s: int) -> TimeLimits:
    """Return the limits of a process of this kind."""
    if process_kind == "command":
        return COMMAND_LIMITS
    if process_kind == "web":
        return TimeLimits(
            statement_s=request_timeout_s, lock_s=5, idle_in_transaction_s=60
        )
    return PROCESS_LIMITS


def engine_named(name: str) -> str:
    """Return the path of the engine that DATABASE_ENGINE names."""
    if name not in ENGINES:
        raise ImproperlyConfigured(
            f"DATABASE_ENGINE must be {' or '.join(ENGINES)}, not {name!r}."
        )
    if name == "timescale" and find_spec("timescale") is None:
        raise ImproperlyConfigured(
            "DATABASE_ENGINE=timescale needs the package django-timescaledb."
        )
    return ENGINES[name]


def database_settings(
    url: str,
    *,
    engine: str = ENGINES["postgresql"],
    pool_max: int = 0,
    pool_timeout_s: float = 2,
    limits: TimeLimits = COMMAND_LIMITS,
) -> dict[str, Any]:
    """Return Django's settings of the database at ``url``.

    ``url`` is ``postgresql://user:password@host:port/name?option=value``; without
    one the settings name a server that answers nowhere, so that commands which
    need no database still run.
    """
    parts = urlsplit(url or "postgresql://nobody@127.0.0.1:1/unset")
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured(
            f"DATABASE_URL must begin with postgresql://, not {parts.scheme}://."
        )
    options: dict[str, Any] = {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "prepare_threshold": None,
        "options": limits.as_options(),
        **dict(parse_qsl(parts.query)),
    }
    if pool_max:
        options["pool"] = pool_settings(pool_max, pool_timeout_s)
    return {
        "ENGINE": engine,
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or 5432),
        "CONN_MAX_AGE": 0,
        # The pool hands out no connection that died with a restarted server.
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": options,
        "STATEMENT_TIMEOUT_S": limits.statement_s,
    }


def pool_settings(pool_max: int, pool_timeout_s: float) -> dict[str, Any]:
    """Return a pool that gives up soon, and at once when too many wait already."""
    return {
        "min_size": min(2, pool_max),
        "max_size": pool_max,
        "timeout": pool_timeout_s,
        "max_waiting": WAITING_PER_CONNECTION * pool_max,
    }
