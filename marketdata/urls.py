"""The addresses of the market: the chart page and TradingView's datafeed."""

from django.urls import include, path

from marketdata import views
from marketdata.udf import views as udf

udf_urls = [
    path("config", udf.config, name="config"),
    path("time", udf.time, name="time"),
    path("symbols", udf.symbol, name="symbols"),
    path("search", udf.search, name="search"),
    path("history", udf.history, name="history"),
]

urlpatterns = [
    path("udf/", include((udf_urls, "udf"))),
    path("chart/", views.first_chart, name="first-chart"),
    path("chart/<str:symbol>", views.chart, name="chart"),
]
