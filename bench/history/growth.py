"""Whether a question costs more when a thousand days are stored than with one.

One symbol has a thousand days, in the partitions of as many months as they take;
another has its last day only. Both are asked for that day, in turn.
"""

import statistics
import time
from collections.abc import Iterator

from bench import report
from bench.ground import Ground
from bench.history import data, servers
from bench.history.servers import Server
from bench.machine import Machine
from bench.report import Figure, ratios

DAYS = 1000
QUESTIONS = 100
# What grew with the days would be a multiple; the rest is noise.
LEAST = 0.8
MANY, FEW = "SYM000", "SYM001"
EARLIER = f"""
SELECT ensure_partition('minute_bars', day::date)
  FROM generate_series(timestamptz '{{first}}' - interval '{DAYS + 60} days',
                       timestamptz '{{first}}', interval '27 days') AS day;
INSERT INTO minute_bars
    (instrument_id, opened_at, open, high, low, close, volume, source)
SELECT id,
       timestamptz '{{first}}' - make_interval(days => d) + make_interval(mins => m),
       2500, 2501, 2499, 2500.5, 10, 'import'
  FROM marketdata_instrument,
       generate_series({DAYS - 1}, 1, -1) AS d,
       generate_series(0, {data.BARS_A_DAY - 1}) AS m
 WHERE symbol = '{MANY}' ORDER BY d DESC, m
"""
KINDS = {
    "history, the view, a day": (servers.VIEW, "&from={start}&to={end}"),
    "history, the view, countback": (servers.VIEW, "&countback=375&to={end}"),
    "history, fragments, a day": (servers.FRAGMENTS, "&from={varied}&to={end}"),
    "history, fragments, countback": (servers.FRAGMENTS, "&countback=375&to={later}"),
}

Taken = dict[str, list[float]]


def figures(
    ground: Ground, machine: Machine, api_key: str, rounds: int
) -> list[Figure]:
    """Write the days, and ask for both symbols in turn."""
    _, end = data.span(data.BARS_A_DAY)
    with ground.connect() as connection:
        connection.execute(
            "DELETE FROM minute_bars WHERE opened_at >= to_timestamp(%s)", [end]
        )
        first = data.FIRST_OPEN_AT.isoformat()
        connection.execute(EARLIER.format(first=first))
        connection.execute("VACUUM ANALYZE minute_bars")
    found: list[Figure] = []
    for name, (kind, question) in KINDS.items():
        with servers.running(kind, ground, machine, api_key) as server:
            found += _grown(name, server, question, rounds)
    return found


def _grown(name: str, server: Server, question: str, rounds: int) -> Iterator[Figure]:
    taken: Taken = {MANY: [], FEW: []}
    for _ in range(rounds + 1):
        for symbol in taken:
            taken[symbol].append(_took_ms(server, symbol, question))
    # The first round only warms up.
    many, few = tuple(taken[MANY][1:]), tuple(taken[FEW][1:])
    report.progress(f"{name}: {statistics.median(many):.2f} ms")
    how = f"median of {QUESTIONS} one after another"
    yield Figure(f"{name}, 1 day stored", few, "ms", how)
    yield Figure(f"{name}, {DAYS:,} days stored", many, "ms", how)
    yield Figure(
        f"{name}: 1 day / {DAYS:,} days",
        ratios(few, many),
        "x",
        "1 when flat, less when it grows",
        LEAST,
    )


def _took_ms(server: Server, symbol: str, question: str) -> float:
    start, end = data.span(data.BARS_A_DAY)
    path = server.kind.path.format(symbol=symbol) + question + server.kind.extra
    taken = []
    for number in range(QUESTIONS):
        asked = path.format(
            start=start, end=end, varied=start - number, later=end + number
        )
        began = time.perf_counter()
        server.asked(asked)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1000
