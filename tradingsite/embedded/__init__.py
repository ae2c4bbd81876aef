"""The private PostgreSQL and Valkey of ``make run`` and ``make test``."""

from tradingsite.embedded.errors import EmbeddedError
from tradingsite.embedded.postgres import PostgresServer
from tradingsite.embedded.servers import Servers
from tradingsite.embedded.valkey import ValkeyServer

__all__ = ["EmbeddedError", "PostgresServer", "Servers", "ValkeyServer"]
