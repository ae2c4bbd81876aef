"""The web process for servers that speak WSGI only (no sockets there)."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradingsite.settings")
os.environ.setdefault("TRADINGSITE_PROCESS", "web")

application = get_wsgi_application()
