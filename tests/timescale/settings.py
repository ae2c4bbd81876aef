"""The tests' settings on a TimescaleDB that has one database and one connection."""

from tests.settings import *  # noqa: F403

# It cannot make another database: the tests take the one there is.
for _database in DATABASES.values():  # noqa: F405
    _database["TEST"] = {**_database.get("TEST", {}), "NAME": _database["NAME"]}
    # Client and server are one machine, and speak in the clear.
    _database["OPTIONS"]["sslmode"] = "disable"
    # It knows no start-up options.
    _database["OPTIONS"].pop("options", None)
