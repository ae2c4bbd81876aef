"""What programs are told of an account's positions, holdings, funds and history.

Money and prices are decimals as text, in rupees; quantities are signed whole units.
"""

import datetime
from typing import Any

from django.utils import timezone
from rest_framework import serializers

from accounts.models import AccountSnapshot, AccountSync, PositionChange

MOST_POINTS = 5_000


def money(**options: Any) -> serializers.DecimalField:
    return serializers.DecimalField(max_digits=22, decimal_places=4, **options)


def price(**options: Any) -> serializers.DecimalField:
    return serializers.DecimalField(max_digits=20, decimal_places=6, **options)


def a_price_or_none() -> serializers.DecimalField:
    return price(allow_null=True)


def money_or_none() -> serializers.DecimalField:
    return money(allow_null=True)


class SyncSerializer(serializers.ModelSerializer[AccountSync]):
    """How far our picture of an account has come, and what went wrong last."""

    class Meta:
        model = AccountSync
        fields = [
            *("status", "last_sync_at", "started_at", "finished_at"),
            *("error_code", "last_error", "last_error_at"),
        ]


class AccountSummarySerializer(serializers.Serializer[Any]):
    """An account, how it stands with its broker, and what it is worth now.

    A total is null where ``missing`` names a symbol that has no price.
    """

    account_id = serializers.CharField(source="account.slug")
    name = serializers.CharField(source="account.name")
    desk = serializers.CharField(source="account.desk.slug")
    broker = serializers.CharField(source="account.broker")
    status = serializers.CharField(source="account.status")
    is_paper = serializers.BooleanField(source="account.is_paper")
    sync = SyncSerializer()
    total_positions = serializers.IntegerField(source="open_positions")
    total_pnl = money(source="pnl", allow_null=True)
    day_pnl = money_or_none()
    net_worth = money_or_none()
    available_margin = money()
    complete = serializers.SerializerMethodField()
    missing = serializers.ListField(source="unworthy", child=serializers.CharField())

    def get_complete(self, worth: Any) -> bool:
        return not worth.unworthy


class PricedSerializer(serializers.Serializer[Any]):
    """A row with its price: how old it is and who said it (market or broker)."""

    exchange = serializers.CharField()
    symbol = serializers.CharField(help_text="As the broker calls it.")
    instrument = serializers.CharField(
        allow_null=True, help_text="EXCHANGE:SYMBOL here; null where we know none."
    )
    quantity = serializers.IntegerField(help_text="Signed, in units.")
    average_price = price()
    last_price = a_price_or_none()
    price_at = serializers.DateTimeField(allow_null=True)
    price_age_s = serializers.FloatField(allow_null=True)
    price_origin = serializers.ChoiceField(["market", "broker"], allow_null=True)
    freshness = serializers.ChoiceField(["valid", "stale", "no_data"])
    market_value = money_or_none()
    pnl = money_or_none()
    day_pnl = money_or_none()


class PositionSerializer(PricedSerializer):
    """A net position in one contract and product."""

    product = serializers.CharField()
    overnight_quantity = serializers.IntegerField()
    multiplier = serializers.IntegerField()
    reported_at = serializers.DateTimeField()


class HoldingSerializer(PricedSerializer):
    """Shares in the depository: delivered and coming together."""

    isin = serializers.CharField()
    t1_quantity = serializers.IntegerField()
    collateral_quantity = serializers.IntegerField()
    invested = money()


class BalanceSerializer(serializers.Serializer[Any]):
    """The money of one segment."""

    segment = serializers.CharField()
    is_enabled = serializers.BooleanField()
    net = money(help_text="Free to trade with.")
    cash = money()
    opening_balance = money()
    intraday_payin = money()
    collateral = money()
    used = money(help_text="Blocked or spent: margins, premiums, charges.")
    span = money()
    exposure = money()
    option_premium = money()
    delivery = money()
    payout = money()
    realized_pnl = money()
    unrealized_pnl = money()


class SeenSerializer(serializers.Serializer[Any]):
    """Which instant an answer is of, and when the broker said so."""

    account_id = serializers.CharField()
    as_of = serializers.DateTimeField()
    is_live = serializers.BooleanField()
    synced_at = serializers.DateTimeField(allow_null=True)


class RowsSerializer(SeenSerializer):
    """Rows and their totals; a total is null where ``missing`` is not empty."""

    count = serializers.IntegerField()
    total_pnl = money_or_none()
    day_pnl = money_or_none()
    complete = serializers.BooleanField()
    missing = serializers.ListField(child=serializers.CharField())


class PositionsSerializer(RowsSerializer):
    """The positions of an account."""

    positions = PositionSerializer(many=True)


class HoldingsSerializer(RowsSerializer):
    """The holdings of an account."""

    total_value = money_or_none()
    holdings = HoldingSerializer(many=True)


class FundsSerializer(SeenSerializer):
    """The money of an account, by segment."""

    cash = money()
    funds = BalanceSerializer(many=True)


class SyncedSerializer(serializers.Serializer[Any]):
    """What a sync found and changed."""

    account_id = serializers.CharField()
    status = serializers.CharField()
    positions = serializers.IntegerField()
    holdings = serializers.IntegerField()
    balances = serializers.IntegerField()
    rows_changed = serializers.IntegerField()
    position_changes = serializers.IntegerField()
    synced_at = serializers.DateTimeField()


class PositionChangeSerializer(serializers.ModelSerializer[PositionChange]):
    """A quantity that moved; ``id`` rises in the order of an account's changes."""

    quantity_delta = serializers.IntegerField()

    class Meta:
        model = PositionChange
        fields = [
            *("id", "exchange", "symbol", "product", "kind"),
            *("quantity_before", "quantity_after", "quantity_delta"),
            *("average_price_before", "average_price_after"),
            *("reported_at", "source"),
        ]


class AccountSnapshotSerializer(serializers.ModelSerializer[AccountSnapshot]):
    """A snapshot without its rows: ask with ``as_of`` for those."""

    complete = serializers.BooleanField(source="is_complete")

    class Meta:
        model = AccountSnapshot
        fields = [
            *("taken_at", "day", "kind", "synced_at", "net_worth", "cash"),
            *("holdings_value", "positions_value", "pnl", "day_pnl"),
            *("complete", "missing"),
        ]


class CurveSerializer(serializers.Serializer[Any]):
    """Net worth over time; a point without one names what had no price."""

    account_id = serializers.CharField()
    resolution = serializers.CharField()
    points = AccountSnapshotSerializer(many=True)


class AsOfQuery(serializers.Serializer[Any]):
    """Now, or as of an instant."""

    as_of = serializers.DateTimeField(
        required=False, help_text="What the newest snapshot until then remembers."
    )

    def validate_as_of(self, at: datetime.datetime) -> datetime.datetime:
        if at > timezone.now():
            raise serializers.ValidationError("It is yet to come.", "in_the_future")
        return at


class RowsQuery(AsOfQuery):
    """Which rows: all, or those of an exchange, a product or a symbol."""

    exchange = serializers.CharField(required=False, max_length=12, default="")
    product = serializers.CharField(required=False, max_length=12, default="")
    symbol = serializers.CharField(required=False, max_length=64, default="")


class PositionsQuery(RowsQuery):
    """Which positions; ``open`` leaves out what is flat."""

    status = serializers.ChoiceField(["all", "open"], default="all")


class FundsQuery(AsOfQuery):
    """Which segment."""

    segment = serializers.CharField(required=False, max_length=12, default="")


class CurveQuery(serializers.Serializer[Any]):
    """A point a day (the last of each), or every snapshot of up to two weeks."""

    resolution = serializers.ChoiceField(["day", "intraday"], default="day")
    start = serializers.DateField(required=False)
    end = serializers.DateField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        is_intraday = attrs["resolution"] == "intraday"
        most, usual = (14, 2) if is_intraday else (3_660, 366)
        # Tomorrow at the latest: it may have begun where the desk is.
        end = attrs.setdefault("end", timezone.localdate() + datetime.timedelta(days=1))
        first = max(end.toordinal() - usual, 1)
        start = attrs.setdefault("start", datetime.date.fromordinal(first))
        if not 0 <= end.toordinal() - start.toordinal() <= most:
            raise serializers.ValidationError(
                {"start": f"It must lie within {most} days before the end."}, "range"
            )
        return attrs
