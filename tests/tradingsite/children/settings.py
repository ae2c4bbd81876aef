"""Settings of the processes that the tests start: handlers and jobs of the tests."""

from tests.settings import *  # noqa: F403

OUTBOX_HANDLERS = {
    "record": "tests.tradingsite.children.handlers.record",
    "linger": "tests.tradingsite.children.handlers.linger",
}
CELERY_BEAT_SCHEDULE = {
    "claimed": {"task": "tests.tradingsite.children.jobs.claimed", "schedule": 1.0},
    "unclaimed": {
        "task": "tests.tradingsite.children.jobs.unclaimed",
        "schedule": 1.0,
    },
}
