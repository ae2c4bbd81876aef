"""The web process: HTTP and WebSocket under one ASGI application."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradingsite.settings")
os.environ.setdefault("TRADINGSITE_PROCESS", "web")

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

from tradingsite.lifespan import Lifespan
from tradingsite.limits import Limits, State


def make_application() -> ProtocolTypeRouter:
    """Return an application with a state of its own."""
    state = State()
    return ProtocolTypeRouter(
        {
            "http": Limits(get_asgi_application(), state),
            "lifespan": Lifespan(state),
        }
    )


application = make_application()
