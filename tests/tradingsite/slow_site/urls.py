"""The product's addresses, and the slow ones."""

from django.urls import path

from tests.tradingsite.slow_site import views
from tradingsite.access import EVERYBODY, open_to
from tradingsite.urls import handler400, handler403, handler404, handler500
from tradingsite.urls import urlpatterns as product_urls

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]

urlpatterns = [
    path("slow/sleep", open_to(EVERYBODY)(views.sleep)),
    path("slow/sleep-async", open_to(EVERYBODY)(views.sleep_async)),
    path("slow/query", open_to(EVERYBODY)(views.query)),
    path("slow/write", open_to(EVERYBODY)(views.write)),
    path("slow/cached", open_to(EVERYBODY)(views.cached)),
    path("slow/broken", open_to(EVERYBODY)(views.broken)),
    *product_urls,
]
