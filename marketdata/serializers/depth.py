"""An order book over REST, what it tells, and what a trade would cost."""

from typing import Any

from rest_framework import serializers

from marketdata.depth import Impact, Side, Tier
from marketdata.quotes import Freshness
from marketdata.serializers.fields import RoundedField

MOST_QUANTITY = 10_000_000


class CostQuery(serializers.Serializer[Any]):
    """A quantity to trade at once, in units (never lots)."""

    quantity = serializers.IntegerField(min_value=1, max_value=MOST_QUANTITY)
    side = serializers.ChoiceField(choices=list(Side), default=Side.BUY)


class LevelSerializer(serializers.Serializer[Any]):
    """One price of the book."""

    price = serializers.FloatField()
    quantity = serializers.IntegerField()
    orders = serializers.IntegerField()


class SpreadSerializer(serializers.Serializer[Any]):
    """The gap between the best prices; absent while one side is empty."""

    best_bid = serializers.FloatField(allow_null=True)
    best_ask = serializers.FloatField(allow_null=True)
    abs = RoundedField(source="absolute")
    pct = RoundedField(source="percent")
    mid = RoundedField()
    weighted_mid = RoundedField()


class OfferedSerializer(serializers.Serializer[Any]):
    """What stands on one side."""

    quantity = serializers.IntegerField()
    value = RoundedField(2)
    quantity_at_best = serializers.IntegerField()
    orders = serializers.IntegerField()
    average_order_size = RoundedField(2)


class ImbalanceSerializer(serializers.Serializer[Any]):
    """How much more is wanted than offered; ratios are 1 when nothing is offered."""

    ratio = serializers.FloatField()
    pct = serializers.FloatField(source="percent")
    order_ratio = serializers.FloatField()
    quantity_difference = serializers.IntegerField()
    value_difference = RoundedField(2)
    book_pressure = serializers.FloatField(help_text="-1 sellers only, 1 buyers only.")


class LiquiditySerializer(serializers.Serializer[Any]):
    """Points of a hundred, the tier, and what is wrong with the book."""

    score = serializers.FloatField()
    tier = serializers.ChoiceField(choices=list(Tier))
    wide_spread = serializers.BooleanField()
    thin_depth = serializers.BooleanField()
    few_orders = serializers.BooleanField()
    imbalanced_book = serializers.BooleanField()
    low_best_depth = serializers.BooleanField()


class ConcentrationSerializer(serializers.Serializer[Any]):
    """The share of all quantity at the best prices of both sides."""

    top_1_pct = RoundedField(2, source="top_1")
    top_3_pct = RoundedField(2, source="top_3")
    top_5_pct = RoundedField(2, source="top_5")


class DepthSerializer(serializers.Serializer[Any]):
    """The answer of ``/api/v1/depth/{symbol}``."""

    status = serializers.CharField(default="ok")
    symbol = serializers.CharField()
    state = serializers.ChoiceField(choices=list(Freshness))
    as_of = serializers.DateTimeField(allow_null=True)
    origin = serializers.ChoiceField(
        choices=["ticks", "ticker", ""], help_text="Who told; empty when nobody did."
    )
    buy = LevelSerializer(many=True)
    sell = LevelSerializer(many=True)
    spread = SpreadSerializer(source="measured.spread")
    bids = OfferedSerializer(source="measured.bids")
    asks = OfferedSerializer(source="measured.asks")
    imbalance = ImbalanceSerializer(source="measured.imbalance")
    liquidity = LiquiditySerializer(source="measured.liquidity")
    concentration = ConcentrationSerializer(source="measured.concentration")
    microprice = serializers.FloatField(source="measured.microprice", allow_null=True)
    market_impact_cost_100 = RoundedField(source="measured.impact_cost_100")
    market_impact_cost_500 = RoundedField(source="measured.impact_cost_500")
    effective_spread_100_pct = RoundedField(
        source="measured.effective_spread_100_percent"
    )


class CostSerializer(serializers.Serializer[Any]):
    """The answer of ``/api/v1/depth/{symbol}/cost``: per unit, and for all."""

    status = serializers.CharField(default="ok")
    symbol = serializers.CharField()
    state = serializers.ChoiceField(choices=list(Freshness))
    as_of = serializers.DateTimeField(allow_null=True)
    side = serializers.ChoiceField(choices=list(Side), source="cost.side")
    quantity = serializers.IntegerField(source="cost.quantity")
    fillable = serializers.IntegerField(source="cost.fillable")
    unfilled = serializers.IntegerField(source="cost.unfilled")
    can_fill = serializers.BooleanField(source="cost.can_fill")
    levels_consumed = serializers.IntegerField(source="cost.levels")
    mid = RoundedField(source="cost.mid")
    average_price = RoundedField(source="cost.average_price")
    slippage = RoundedField(source="cost.slippage")
    slippage_bps = serializers.IntegerField(source="cost.slippage_bps", allow_null=True)
    cost = RoundedField(2, source="cost.cost")
    impact = serializers.ChoiceField(choices=list(Impact), source="cost.impact")
