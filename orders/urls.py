"""The addresses of orders: pages, their parts, and those of programs."""

from django.urls import include, path

from orders.views import order_pages as pages
from orders.views.orders import OrderListView, OrderView

api_urls = [
    path("orders", OrderListView.as_view(), name="order-list"),
    path("orders/<str:broker_order_id>", OrderView.as_view(), name="order"),
]

urlpatterns = [
    path("orders/", pages.orders_page, name="orders"),
    path("orders/<slug:slug>/", pages.account_orders_page, name="account-orders"),
    path("_orders/list", pages.orders_part, name="orders-part"),
    path("_orders/one", pages.order_part, name="order-part"),
    path("api/v1/accounts/<slug:slug>/", include((api_urls, "orders"))),
]
