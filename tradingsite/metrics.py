"""What a process counts of itself, for Prometheus.

Each process has one ``Metrics``, held by the app's configuration; whoever has
something to count asks ``current()``. What is read only when Prometheus asks
(the pool, the outbox, the processes) comes from ``settings.METRICS_SOURCES``;
``tradingsite.gauges`` has the ones of the ground floor.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple, cast

from django.apps import apps
from django.conf import settings
from django.db import DatabaseError
from django.utils.module_loading import import_string
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric

if TYPE_CHECKING:
    from tradingsite.apps import TradingsiteConfig

logger = logging.getLogger(__name__)

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Reading(NamedTuple):
    """One value that a source reads when it is asked."""

    name: str
    value: float
    explanation: str
    labels: tuple[tuple[str, str], ...] = ()


Source = Callable[[], Iterable[Reading]]


def families(readings: list[Reading]) -> Iterator[Metric]:
    """Yield the readings, those of one name together."""
    for name in dict.fromkeys(reading.name for reading in readings):
        same = [reading for reading in readings if reading.name == name]
        family = GaugeMetricFamily(
            name, same[0].explanation, labels=[label for label, _ in same[0].labels]
        )
        for reading in same:
            family.add_metric([text for _, text in reading.labels], reading.value)
        yield family


class Metrics:
    """The counters and histograms of one process, and what it reads when asked."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "tradingsite_request_seconds",
            "Time to answer a request.",
            ["method", "route", "status"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.requests_running = Gauge(
            "tradingsite_requests_running",
            "Requests being answered now.",
            registry=self.registry,
        )
        self.requests_refused = self._counter(
            "requests_refused", "Requests answered 503 or 504 by a limit.", "limit"
        )
        self.sockets = Gauge(
            "tradingsite_sockets", "Open sockets.", registry=self.registry
        )
        self.sockets_closed = self._counter(
            "sockets_closed", "Sockets that ended, by the code we closed with.", "code"
        )
        self.frames_superseded = self._counter(
            "frames_superseded", "Frames a slow client got a newer one instead of."
        )
        self.slow_queries = self._counter(
            "slow_queries", "SQL statements slower than SLOW_QUERY_MS."
        )
        self.breaker_changes = self._counter(
            "breaker_changes", "Changes of circuit breakers.", "breaker", "state"
        )
        self.failed_sources = self._counter(
            "metrics_failed", "Sources of metrics that could not be read.", "source"
        )
        self.registry.register(self)

    def _counter(self, name: str, explanation: str, *labels: str) -> Counter:
        return Counter(
            f"tradingsite_{name}", explanation, labels, registry=self.registry
        )

    def describe(self) -> list[Metric]:
        """Name nothing in advance: reading is left to the moment of the question."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield what the sources read now.

        One that fails is counted and left out: metrics are wanted most when
        something is broken.
        """
        for path in settings.METRICS_SOURCES:
            source: Source = import_string(path)
            try:
                readings = list(source())
            except (DatabaseError, OSError) as error:
                logger.warning(
                    "Metrics of %s left out: %s.", path, type(error).__name__
                )
                self.failed_sources.labels(path).inc()
                continue
            yield from families(readings)


def current() -> Metrics:
    """Return the metrics of this process."""
    return cast("TradingsiteConfig", apps.get_app_config("tradingsite")).metrics
