"""What tests override: a fast hasher, plain static files, quiet logs."""

import os

from tradingsite.settings import *  # noqa: F403

# Tests run at any hour of the day, and ask again at once for what they have changed.
SESSION_DAILY_END = None
AUTHENTICATION_LOOK_S = 0
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Nothing is collected for a test, and WhiteNoise warns of an empty place.
STATIC_ROOT = None
# Every test comes from one address; those of the limits name plans of their own.
RATE_LIMIT_PLANS = {}
# Parallel runs share one Valkey: each worker keeps to keys of its own.
_worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
REDIS_PREFIX = f"test:{_worker}"
TICK_STREAM = f"test:{_worker}:ticks"
for _layer in CHANNEL_LAYERS.values():  # noqa: F405
    _layer["CONFIG"]["prefix"] = f"{REDIS_PREFIX}:channels"
# Secrets are sealed in tests as elsewhere, by a key that everybody may know.
MASTER_KEYS = "bm90IGEgc2VjcmV0OiBhIGtleSBmb3IgdGhlIHRlc3Q="
