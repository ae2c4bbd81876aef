"""Who may do what in the database: one role owns the tables, another serves."""

import psycopg
from psycopg import sql

# No TRUNCATE, REFERENCES or TRIGGER, and no CREATE in the schema.
SERVING_POWERS = (
    "SELECT, INSERT, UPDATE, DELETE ON TABLES",
    "USAGE, SELECT ON SEQUENCES",
    "EXECUTE ON FUNCTIONS",
)


def make(
    connection: psycopg.Connection,
    database: str,
    owner: str,
    serving: str,
    passwords: dict[str, str],
) -> None:
    """Make the two roles and the database, whatever of them is missing."""
    for role, powers in ((owner, sql.SQL("CREATEDB")), (serving, sql.SQL(""))):
        if not _exists(connection, "pg_roles", "rolname", role):
            connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
        connection.execute(
            sql.SQL("ALTER ROLE {} LOGIN {} PASSWORD {}").format(
                sql.Identifier(role), powers, sql.Literal(passwords[role])
            )
        )
    if not _exists(connection, "pg_database", "datname", database):
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(
                sql.Identifier(database), sql.Identifier(owner)
            )
        )


def grant(connection: psycopg.Connection, owner: str, serving: str) -> None:
    """Give the serving role the rows of every table the owner will ever make."""
    names = {"owner": sql.Identifier(owner), "serving": sql.Identifier(serving)}
    connection.execute(
        sql.SQL("GRANT USAGE ON SCHEMA public TO {serving}").format(**names)
    )
    for powers in SERVING_POWERS:
        connection.execute(
            sql.SQL(
                "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public"
                " GRANT {powers} TO {serving}"
            ).format(powers=sql.SQL(powers), **names)
        )


def _exists(connection: psycopg.Connection, table: str, column: str, name: str) -> bool:
    query = sql.SQL("SELECT 1 FROM {} WHERE {} = %s").format(
        sql.Identifier(table), sql.Identifier(column)
    )
    return connection.execute(query, [name]).fetchone() is not None
