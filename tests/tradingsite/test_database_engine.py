"""DATABASE_ENGINE chooses PostgreSQL or TimescaleDB, and says what it lacks."""

from importlib import import_module

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.utils.module_loading import import_string
from pytest_django.fixtures import Settings

from tradingsite import database
from tradingsite.database import base, engine_named


def test_each_engine_stands_on_ours():
    for name in ("postgresql", "timescale"):
        wrapper = import_string(f"{engine_named(name)}.base.DatabaseWrapper")
        assert issubclass(wrapper, base.DatabaseWrapper)


def test_an_engine_nobody_knows_is_refused():
    with pytest.raises(ImproperlyConfigured, match="postgresql or timescale"):
        engine_named("influx")


def test_timescale_without_its_package_is_a_sentence(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(database, "find_spec", lambda name: None)

    with pytest.raises(ImproperlyConfigured, match="needs the package"):
        engine_named("timescale")


@pytest.mark.django_db
def test_a_server_without_timescaledb_is_a_sentence(settings: Settings):
    connection.prepare_database()
    settings.DATABASE_ENGINE = "timescale"

    with pytest.raises(ImproperlyConfigured, match="this server has no TimescaleDB"):
        connection.prepare_database()


@pytest.mark.django_db
def test_the_migration_looks_for_the_extension_first(settings: Settings):
    migration = import_module("marketdata.migrations.0008_timescale")
    settings.DATABASE_ENGINE = "timescale"

    with (
        connection.schema_editor() as editor,
        pytest.raises(RuntimeError, match="this database has no timescaledb"),
    ):
        migration.make_hypertables(None, editor)
