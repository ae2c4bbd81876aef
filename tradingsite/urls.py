"""The table of contents: every address of the site."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.http.response import HttpResponseBase
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from tradingsite.access import EVERYBODY, open_to
from tradingsite.views import health
from tradingsite.views.desk import desk, desk_market, desk_system
from tradingsite.views.reports import csp_report


def to_everybody(**where: Any) -> Callable[..., HttpResponseBase]:
    return open_to(EVERYBODY)(RedirectView.as_view(**where))


urlpatterns = [
    path("", desk, name="desk"),
    path("_desk/market", desk_market, name="desk-market"),
    path("_desk/system", desk_system, name="desk-system"),
    path("", include("accounts.urls")),
    # Browsers ask for it beside pages that are not ours, such as a JSON answer.
    path("favicon.ico", to_everybody(url="/static/tradingsite/mark.svg")),
    path("", include("orders.urls")),
    path("", include("marketdata.urls")),
    # One door for people, with one limit on guessing.
    path("admin/login/", to_everybody(pattern_name="login", query_string=True)),
    path("admin/", admin.site.urls),
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("csp-report", csp_report, name="csp-report"),
    path("metrics", health.show_metrics, name="metrics"),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(), name="api-docs"),
]

handler400 = "tradingsite.views.errors.bad_request"
handler403 = "tradingsite.views.errors.permission_denied"
handler404 = "tradingsite.views.errors.not_found"
handler500 = "tradingsite.views.errors.server_error"
