"""The site as the product serves it; ``CONTROL=no limits`` serves Django bare."""

import os

from django.core.asgi import get_asgi_application

from tradingsite.asgi import make_application

application = (
    get_asgi_application()
    if os.environ.get("CONTROL") == "no limits"
    else make_application()
)
