"""What programs ask of orders, and what they are told.

Prices are decimals as text, in rupees a unit; quantities are whole units. An order is
written as the stream of its account tells it.
"""

from typing import Any

from rest_framework import serializers

from marketdata.serializers.calendar import DayField
from orders.choosing import WORDS, Choice, statuses_of
from orders.models import OrderBook, OrderChange
from orders.states import Status

MOST_ORDERS = 1000
STATUSES = [status.value for status in Status]


def price_or_none(**options: Any) -> serializers.DecimalField:
    return serializers.DecimalField(
        max_digits=20, decimal_places=6, allow_null=True, **options
    )


class OrderSerializer(serializers.Serializer[Any]):
    """An order as the broker reported it last."""

    order_id = serializers.CharField(help_text="The broker's.")
    exchange_order_id = serializers.CharField(
        help_text="Empty before the exchange has it."
    )
    exchange = serializers.CharField()
    symbol = serializers.CharField(help_text="As the broker calls it.")
    instrument = serializers.CharField(
        allow_null=True, help_text="EXCHANGE:SYMBOL here; null where we know none."
    )
    product = serializers.CharField()
    side = serializers.ChoiceField(["BUY", "SELL"])
    order_type = serializers.CharField(help_text="MARKET, LIMIT, SL, SL-M.")
    validity = serializers.CharField()
    status = serializers.ChoiceField(STATUSES)
    broker_status = serializers.CharField(help_text="The broker's own word.")
    status_message = serializers.CharField(help_text="Such as why it was rejected.")
    quantity = serializers.IntegerField()
    filled_quantity = serializers.IntegerField()
    canceled_quantity = serializers.IntegerField()
    remaining_quantity = serializers.IntegerField(help_text="What may still trade.")
    price = price_or_none(help_text="Null where the order has no limit.")
    trigger_price = price_or_none()
    average_price = price_or_none(help_text="Null before the first trade.")
    tag = serializers.CharField()
    placed_at = serializers.DateTimeField(allow_null=True)
    changed_at = serializers.DateTimeField(
        allow_null=True, help_text="By the exchange's clock."
    )
    is_reported = serializers.BooleanField(
        help_text="Whether the broker's newest book still had it."
    )
    reported_at = serializers.DateTimeField()


class PlaceSerializer(serializers.Serializer[Any]):
    """A place in the stream of an account's orders."""

    epoch = serializers.CharField()
    seq = serializers.IntegerField()


class BookSerializer(serializers.Serializer[Any]):
    """How far our picture of an account's orders has come.

    ``status`` is ``ok``, or says why the picture may be old: then ``stale_since`` is
    the instant it is of. ``stream`` is where the stream stood before it was looked
    at: ``/ws/orders/{account}?epoch=…&seq=…`` tells what followed.
    """

    account_id = serializers.CharField()
    status = serializers.ChoiceField(OrderBook.Status.choices)
    as_of = serializers.DateTimeField(allow_null=True)
    stale_since = serializers.DateTimeField(allow_null=True)
    error_code = serializers.CharField()
    last_error = serializers.CharField()
    stream = PlaceSerializer(
        allow_null=True, help_text="Null before the first order came."
    )


class OrdersSerializer(BookSerializer):
    """Orders of an account, newest first; ``next`` leads to older ones."""

    count = serializers.IntegerField(help_text="Orders in this answer.")
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    orders = OrderSerializer(many=True)


class OrderChangeSerializer(serializers.ModelSerializer[OrderChange]):
    """A step of an order; ``id`` rises in the order of an account's steps."""

    status_before = serializers.SerializerMethodField()
    status_after = serializers.ChoiceField(STATUSES)

    class Meta:
        model = OrderChange
        fields = [
            *("id", "status_before", "status_after", "filled_before", "filled_after"),
            *("average_price_after", "status_message", "changed_at", "reported_at"),
            "source",
        ]

    def get_status_before(self, change: OrderChange) -> str | None:
        """Nothing was before a new order."""
        return change.status_before or None


class OrderWithChangesSerializer(BookSerializer):
    """An order and what became of it, oldest step first."""

    order = OrderSerializer()
    changes = OrderChangeSerializer(many=True)


class OrdersQuery(serializers.Serializer[Any]):
    """Which orders of an account: all, or those that are meant."""

    status = serializers.CharField(
        required=False,
        max_length=120,
        default="",
        help_text=f"One or several, by commas: {', '.join(WORDS)}.",
    )
    side = serializers.ChoiceField(["BUY", "SELL"], required=False, default="")
    symbol = serializers.CharField(
        required=False, max_length=64, default="", help_text="The broker's name."
    )
    instrument = serializers.RegexField(
        r"^[^:\s]{1,12}:\S.{0,63}$",
        required=False,
        default="",
        help_text="EXCHANGE:SYMBOL of one that is known here.",
    )
    product = serializers.CharField(required=False, max_length=12, default="")
    day = DayField(required=False, default=None, help_text="Of the exchange (IST).")
    is_reported = serializers.BooleanField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Whether the broker's newest book has it.",
    )
    limit = serializers.IntegerField(
        required=False, min_value=1, max_value=MOST_ORDERS, default=100
    )
    cursor = serializers.CharField(
        required=False, default="", help_text="From next or previous."
    )

    def validate_status(self, words: str) -> frozenset[Status]:
        try:
            return statuses_of(words)
        except ValueError as error:
            raise serializers.ValidationError(str(error), "invalid_choice") from None

    @staticmethod
    def choice_in(asked: dict[str, Any]) -> Choice:
        names = ("side", "symbol", "instrument", "product", "day")
        return Choice(
            statuses=asked["status"],
            is_in_book=asked["is_reported"],
            **{name: asked[name] for name in names},
        )
