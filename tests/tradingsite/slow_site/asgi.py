"""The site as the product serves it; a CONTROL takes away what stands before Django."""

import os

from django.core.asgi import get_asgi_application

from tradingsite.asgi import make_application
from tradingsite.limits import Limits

CONTROLS = {
    "no limits": get_asgi_application,
    "no short way": lambda: Limits(get_asgi_application()),
}

application = CONTROLS.get(os.environ.get("CONTROL", ""), make_application)()
