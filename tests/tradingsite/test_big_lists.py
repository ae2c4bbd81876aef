"""Lists of big tables: read by an index, to a limit, and never counted."""

import re

import pytest
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AuditEntry, User
from marketdata.models import Instrument, QuarantinedTick, SessionGap
from tradingsite.models import IdempotencyKey, JournalEntry, OutboxMessage, ScheduledRun
from tradingsite.paging import MOST_LISTED, BoundedPaginator

BIG = [
    JournalEntry,
    OutboxMessage,
    IdempotencyKey,
    ScheduledRun,
    QuarantinedTick,
    SessionGap,
    Instrument,
]


@pytest.fixture
def staff(client: Client, db: None) -> Client:
    client.force_login(User.objects.create_superuser("boss", password="secret"))
    return client


def analysed(model: type[Model], rows: int) -> None:
    """Let the planner believe that the table has so many rows."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE pg_class SET reltuples = %s, relpages = %s WHERE relname = %s",
            [rows, rows // 50, model._meta.db_table],
        )


def asked(client: Client, model: type[Model]) -> list[str]:
    """Return the statements on the table of ``model`` that its list makes."""
    options = model._meta
    url = reverse(f"admin:{options.app_label}_{options.model_name}_changelist")
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return [
        query["sql"]
        for query in captured.captured_queries
        if f'FROM "{options.db_table}"' in query["sql"]
    ]


@pytest.mark.parametrize("model", BIG, ids=lambda model: model.__name__)
def test_a_million_rows_are_not_counted(staff: Client, model: type[Model]):
    analysed(model, 1_000_000)
    statements = asked(staff, model)
    assert statements
    assert not [each for each in statements if "COUNT(" in each.upper()]
    assert all("LIMIT" in each for each in statements)


def test_a_small_table_is_counted_to_a_limit(staff: Client):
    """The control: what the other test looks for is there to be seen."""
    analysed(JournalEntry, 10)
    counts = [each for each in asked(staff, JournalEntry) if "COUNT(" in each.upper()]
    assert len(counts) == 1
    assert f"LIMIT {MOST_LISTED}" in counts[0]


@pytest.mark.parametrize("model", BIG, ids=lambda model: model.__name__)
def test_the_first_page_is_read_by_an_index(staff: Client, model: type[Model]):
    analysed(model, 1_000_000)
    (rows,) = [each for each in asked(staff, model) if "ORDER BY" in each]
    with connection.cursor() as cursor:
        # Whether it can be read so; of a table that is empty the planner need not.
        for way in ("seqscan", "sort", "hashjoin", "mergejoin"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
        select = rows[rows.index("SELECT") :]
        cursor.execute(f"EXPLAIN (COSTS OFF) {select}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Seq Scan" not in plan
    # Within what the index has in order already, a few rows may be sorted.
    assert not re.search(r"(?<!Incremental )Sort", plan.replace("Sort Key", "")), plan


def test_a_filtered_list_is_counted_to_a_limit(db: None):
    analysed(JournalEntry, 1_000_000)
    pages = BoundedPaginator(JournalEntry.objects.filter(seq=1).order_by("id"), 50)
    with CaptureQueriesContext(connection) as captured:
        assert pages.count == 0
    assert f"LIMIT {MOST_LISTED}" in captured.captured_queries[0]["sql"]


def test_a_search_of_the_audit_is_read_by_indexes(staff: Client):
    analysed(AuditEntry, 1_000_000)
    url = reverse("admin:accounts_auditentry_changelist")
    with CaptureQueriesContext(connection) as captured:
        assert staff.get(url, {"q": '"Limit 7"'}).status_code == 200
    found = [
        each["sql"] for each in captured.captured_queries if "Limit 7" in each["sql"]
    ]
    assert found
    with connection.cursor() as cursor:
        # Whether indexes know it; of a table that is empty the planner need not ask.
        for way in ("seqscan", "indexscan"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
        for statement in found:
            cursor.execute(
                f"EXPLAIN (COSTS OFF) {statement[statement.index('SELECT') :]}"
            )
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert "audit_by_target" in plan, plan
