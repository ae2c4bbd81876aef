"""The addresses of the market: pages, TradingView's datafeed, and the REST API."""

from django.urls import include, path

from marketdata.udf import views as udf
from marketdata.views import (
    calendar,
    chart,
    depth,
    futures,
    gap_map,
    gaps,
    holidays,
    instruments,
    labels,
    monitor,
    monitor_page,
    options,
    options_page,
    positions,
    subscriptions,
)

udf_urls = [
    path("config", udf.config, name="config"),
    path("time", udf.time, name="time"),
    path("symbols", udf.symbol, name="symbols"),
    path("search", udf.search, name="search"),
    path("history", udf.history, name="history"),
    path("marks", udf.marks, name="marks"),
    path("timescale_marks", udf.timescale_marks, name="timescale-marks"),
    path("quotes", udf.quotes, name="quotes"),
    path("symbol_info", udf.symbol_info, name="symbol-info"),
]

futures_urls = [
    path(
        "position-signals",
        futures.PositionSignalsView.as_view(),
        name="position-signals",
    ),
    path(
        "rollover-metrics",
        futures.RolloverMetricsView.as_view(),
        name="rollover-metrics",
    ),
    path("summary", futures.FuturesSummaryView.as_view(), name="summary"),
]

options_urls = [
    path("indicators", options.IndicatorsView.as_view(), name="indicators"),
    path("expiries", options.ExpiriesView.as_view(), name="expiries"),
    path("chain", options.ChainView.as_view(), name="chain"),
    path(
        "strike-distribution",
        options.StrikeDistributionView.as_view(),
        name="strike-distribution",
    ),
    path(
        "moneyness-series",
        options.MoneynessSeriesView.as_view(),
        name="moneyness-series",
    ),
    path("strike-history", options.StrikeHistoryView.as_view(), name="strike-history"),
    path("expiry-metrics", options.ExpiryMetricsView.as_view(), name="expiry-metrics"),
    path("payoff", positions.PayoffView.as_view(), name="payoff"),
    path("scenarios", positions.ScenariosView.as_view(), name="scenarios"),
]

depth_urls = [
    path("<str:symbol>", depth.DepthView.as_view(), name="book"),
    path("<str:symbol>/cost", depth.CostView.as_view(), name="cost"),
]

monitor_urls = [
    path("metadata", monitor.MetadataView.as_view(), name="metadata"),
    path("snapshot", monitor.SnapshotView.as_view(), name="snapshot"),
    path("search", monitor.SearchView.as_view(), name="search"),
    path("status", monitor.StatusView.as_view(), name="status"),
]

gap_urls = [
    path("gaps", gaps.GapListView.as_view(), name="list"),
    path("gaps/summary", gaps.GapSummaryView.as_view(), name="summary"),
    path("gaps/repair", gaps.GapRepairView.as_view(), name="repair"),
]

subscription_urls = [
    path("subscriptions", subscriptions.SubscriptionListView.as_view(), name="list"),
    path("monitor/session", subscriptions.SessionsView.as_view(), name="sessions"),
    path(
        "monitor/session/<uuid:session_id>",
        subscriptions.SessionView.as_view(),
        name="session",
    ),
]

instruments_urls = [
    path("list", instruments.InstrumentListView.as_view(), name="list"),
    path("search", instruments.InstrumentSearchView.as_view(), name="search"),
    path("stats", instruments.InstrumentStatsView.as_view(), name="stats"),
    path("fo-enabled", instruments.FoEnabledView.as_view(), name="fo-enabled"),
    path("strikes", instruments.StrikesView.as_view(), name="strikes"),
    path(
        "detail/<str:name>", instruments.InstrumentDetailView.as_view(), name="detail"
    ),
]

calendar_urls = [
    path("status", calendar.StatusView.as_view(), name="status"),
    path("holidays", calendar.HolidaysView.as_view(), name="holidays"),
    path(
        "next-trading-day",
        calendar.NextTradingDayView.as_view(),
        name="next-trading-day",
    ),
    path("calendars", calendar.CalendarsView.as_view(), name="calendars"),
    path("sessions", calendar.SessionsView.as_view(), name="sessions"),
    path("expiries", calendar.ExpiriesView.as_view(), name="expiries"),
]

calendar_admin_urls = [
    path("holidays", holidays.HolidayListView.as_view(), name="holidays"),
    path(
        "holidays/bulk-import", holidays.HolidayImportView.as_view(), name="bulk-import"
    ),
    path("holidays/<int:pk>", holidays.HolidayView.as_view(), name="holiday"),
]

labels_urls = [
    path("labels", labels.LabelListView.as_view(), name="list"),
    path("labels/<uuid:label_id>", labels.LabelView.as_view(), name="label"),
]

urlpatterns = [
    path("udf/", include((udf_urls, "udf"))),
    path("api/v1/instruments/", include((instruments_urls, "instruments"))),
    path("api/v1/calendar/", include((calendar_urls, "calendar"))),
    path("api/v1/admin/calendar/", include((calendar_admin_urls, "calendar-admin"))),
    path("api/v1/", include((labels_urls, "labels"))),
    path("api/v1/futures/", include((futures_urls, "futures"))),
    path("api/v1/monitor/", include((monitor_urls, "monitoring"))),
    path("api/v1/options/", include((options_urls, "options"))),
    path("api/v1/depth/", include((depth_urls, "depth"))),
    path("api/v1/", include((gap_urls, "gaps"))),
    path("api/v1/", include((subscription_urls, "subscriptions"))),
    path("gaps/", gap_map.gap_map, name="gap-map"),
    path("gaps/_map", gap_map.gap_map_part, name="gap-map-part"),
    path("gaps/repair", gap_map.repair, name="gap-repair"),
    path("monitor/", monitor_page.page, name="monitor"),
    path("_monitor/sight", monitor_page.sight, name="monitor-sight"),
    path("_monitor/book", monitor_page.book, name="monitor-book"),
    path("options/", options_page.first, name="options-first"),
    path("options/<str:symbol>", options_page.page, name="options-page"),
    path("_options/sight", options_page.sight, name="options-sight"),
    path("chart/", chart.first_chart, name="first-chart"),
    path("chart/<str:symbol>", chart.chart, name="chart"),
]
