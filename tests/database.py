"""The database that pytest-django made, as another process reaches it."""

from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection


def url_of_test_database() -> str:
    name = connection.settings_dict["NAME"]
    return urlsplit(settings.DATABASE_URL)._replace(path=f"/{name}").geturl()
