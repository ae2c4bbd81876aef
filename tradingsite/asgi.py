"""The web process: HTTP and WebSocket under one ASGI application."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradingsite.settings")
os.environ.setdefault("TRADINGSITE_PROCESS", "web")

import django

django.setup()

# What stands below knows models, which want Django to be set up.
from channels.routing import ProtocolTypeRouter  # noqa: E402
from django.core.asgi import get_asgi_application  # noqa: E402

from accounts import routing as accounts_routing  # noqa: E402
from marketdata import routing as marketdata_routing  # noqa: E402
from orders import routing as orders_routing  # noqa: E402
from tradingsite.fastpath import FastPath  # noqa: E402
from tradingsite.lifespan import Lifespan  # noqa: E402
from tradingsite.limits import Limits, State  # noqa: E402
from tradingsite.streaming.sockets import Sockets, desk  # noqa: E402


def make_application() -> ProtocolTypeRouter:
    """Return an application with a state of its own."""
    state = State()
    http = FastPath(Limits(get_asgi_application(), state), state)
    addresses = [
        *marketdata_routing.sockets,
        *accounts_routing.sockets,
        *orders_routing.sockets,
        desk(),
    ]
    return ProtocolTypeRouter(
        {
            "http": http,
            "websocket": Sockets(addresses, state),
            "lifespan": Lifespan(state, hatch=http.at_once),
        }
    )


application = make_application()
