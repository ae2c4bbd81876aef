"""The product's settings, with callers that need no database, and Channels' layers."""

import os

from tradingsite.redis.channels import channel_host
from tradingsite.settings import *  # noqa: F403
from tradingsite.settings import REDIS_PREFIX, REDIS_URL

STREAM_PRINCIPAL_OF = "bench.streams.people.principal_of"
STREAM_FALLEN = "bench.streams.people.fallen"
# A connection that blocks for longer than its time limit would break the core layer.
_patient = channel_host(REDIS_URL, [], "") | {"socket_timeout": 30}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": os.environ.get(
            "LAYER", "channels_redis.pubsub.RedisPubSubChannelLayer"
        ),
        "CONFIG": {"hosts": [_patient], "prefix": f"{REDIS_PREFIX}:channels"},
    }
}
