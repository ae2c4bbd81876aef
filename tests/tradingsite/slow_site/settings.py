"""The product's settings with the slow views; a CONTROL takes one cure away."""

import os

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES

ROOT_URLCONF = "tests.tradingsite.slow_site.urls"
control = os.environ.get("CONTROL", "")
if control == "patient pool":
    DATABASES["default"]["OPTIONS"]["pool"]["timeout"] = 30
if control == "plain engine":
    DATABASES["default"]["ENGINE"] = "django.db.backends.postgresql"
if control == "plain cache":
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": os.environ["REDIS_URL"],
        }
    }
