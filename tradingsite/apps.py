"""The app of the project itself: it keeps what a process has one of."""

from functools import cached_property

from django.apps import AppConfig

from tradingsite import checks
from tradingsite.metrics import Metrics
from tradingsite.readiness import Checks
from tradingsite.redis.clients import Clients


class TradingsiteConfig(AppConfig):
    """Holds the metrics, the Redis clients and the health checks of the process."""

    name = "tradingsite"
    verbose_name = "System"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        checks.register()

    @cached_property
    def metrics(self) -> Metrics:
        return Metrics()

    @cached_property
    def redis(self) -> Clients:
        return Clients()

    @cached_property
    def health(self) -> Checks:
        return Checks()
