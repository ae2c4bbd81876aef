"""What the channel layer is told about Redis; it makes its clients by itself."""

from collections.abc import Sequence
from typing import Any

TIMEOUT_S = 0.5
HEALTH_CHECK_S = 30


def channel_host(url: str, sentinels: Sequence[str], master: str) -> dict[str, Any]:
    """Return the layer's host with short time limits; without, it hangs for minutes."""
    timeouts = {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S}
    options = {**timeouts, "health_check_interval": HEALTH_CHECK_S, "protocol": 2}
    if not sentinels:
        return {"address": url, **options}
    hosts = [text.rpartition(":") for text in sentinels]
    return {
        "master_name": master,
        "sentinels": [(host, int(port)) for host, _, port in hosts],
        "sentinel_kwargs": timeouts,
        **options,
    }
