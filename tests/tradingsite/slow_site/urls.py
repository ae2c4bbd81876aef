"""The product's addresses, and the slow ones."""

from django.urls import path

from tests.tradingsite.slow_site import views
from tradingsite.urls import handler400, handler403, handler404, handler500
from tradingsite.urls import urlpatterns as product_urls

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]

urlpatterns = [
    path("slow/sleep", views.sleep),
    path("slow/sleep-async", views.sleep_async),
    path("slow/query", views.query),
    path("slow/write", views.write),
    path("slow/cached", views.cached),
    path("slow/broken", views.broken),
    *product_urls,
]
