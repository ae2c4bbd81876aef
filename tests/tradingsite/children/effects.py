"""Tables of the tests in which handlers and jobs leave what they did."""

import os
from typing import Any, TypeAlias

from django.db import connection

Row: TypeAlias = tuple[Any, ...]

CREATE = """
CREATE TABLE IF NOT EXISTS test_effects (message_id bigint PRIMARY KEY, number int);
CREATE TABLE IF NOT EXISTS test_deliveries (
    id bigserial PRIMARY KEY, message_id bigint, shard text, number int, pid int);
CREATE TABLE IF NOT EXISTS test_runs (
    id bigserial PRIMARY KEY, job text, due_at timestamptz, pid int);
"""
DROP = "DROP TABLE test_effects, test_deliveries, test_runs"


def execute(sql: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values or None)


def rows(sql: str, *values: Any) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values or None)
        found: list[Row] = cursor.fetchall()
        return found


def delivered() -> list[Row]:
    return rows("SELECT shard, number, pid FROM test_deliveries ORDER BY id")


def note_delivery(message_id: int, shard: str, number: int) -> None:
    execute(
        "INSERT INTO test_deliveries (message_id, shard, number, pid)"
        " VALUES (%s, %s, %s, %s)",
        message_id,
        shard,
        number,
        os.getpid(),
    )
