"""The table of contents: every address of the site."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from tradingsite.views import health
from tradingsite.views.desk import desk, desk_market, desk_system

urlpatterns = [
    path("", desk, name="desk"),
    path("_desk/market", desk_market, name="desk-market"),
    path("_desk/system", desk_system, name="desk-system"),
    path("", include("accounts.urls")),
    # Browsers ask for it beside pages that are not ours, such as a JSON answer.
    path("favicon.ico", RedirectView.as_view(url="/static/tradingsite/mark.svg")),
    path("", include("marketdata.urls")),
    # One door for people, with one limit on guessing.
    path("admin/login/", RedirectView.as_view(pattern_name="login", query_string=True)),
    path("admin/", admin.site.urls),
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("metrics", health.show_metrics, name="metrics"),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(), name="api-docs"),
]

handler400 = "tradingsite.views.errors.bad_request"
handler403 = "tradingsite.views.errors.permission_denied"
handler404 = "tradingsite.views.errors.not_found"
handler500 = "tradingsite.views.errors.server_error"
