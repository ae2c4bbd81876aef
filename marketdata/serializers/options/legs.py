"""A set of legs: what is asked of it, and its profile and scenarios."""

from typing import Any

from rest_framework import serializers

from marketdata.payoff import Kind
from marketdata.serializers.fields import FiniteField, RoundedField, SymbolField
from marketdata.serializers.options.questions import HIGHEST_STRIKE, ExpiryField

MOST_LEGS = 20
MOST_QUANTITY = 10_000_000
HIGHEST_PRICE = 10_000_000
MOST_POINTS = 401
MOST_MOVES, MOST_SHIFTS, MOST_DAYS = 41, 11, 11
LATEST_DAY = 1830


class LegQuery(serializers.Serializer[Any]):
    """One leg; what the chain knows may be left out."""

    kind = serializers.ChoiceField(choices=list(Kind))
    expiry = ExpiryField()
    strike = FiniteField(
        min_value=0.01,
        max_value=HIGHEST_STRIKE,
        required=False,
        help_text="Of an option.",
    )
    quantity = serializers.IntegerField(
        min_value=-MOST_QUANTITY,
        max_value=MOST_QUANTITY,
        help_text="Signed units, never lots: positive is bought.",
    )
    price = FiniteField(
        min_value=0,
        max_value=HIGHEST_PRICE,
        required=False,
        help_text="Entered at; default: the last price.",
    )
    iv = FiniteField(
        min_value=0.001,
        max_value=10,
        required=False,
        help_text="Default: what the last price implies.",
    )

    def validate(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked["kind"] != Kind.FUTURE and "strike" not in asked:
            raise serializers.ValidationError({"strike": "An option has a strike."})
        if asked["quantity"] == 0:
            raise serializers.ValidationError({"quantity": "Must not be 0."})
        return asked


class LegsQuery(serializers.Serializer[Any]):
    """The legs, and the instant whose prices fill what was left out."""

    symbol = SymbolField()
    at = serializers.DateTimeField(required=False, help_text="Default: now.")
    legs = serializers.ListField(child=LegQuery(), min_length=1, max_length=MOST_LEGS)


class PayoffQuery(LegsQuery):
    """Over which prices of the underlying to look."""

    range_pct = FiniteField(min_value=1, max_value=90, default=10)
    points = serializers.IntegerField(min_value=3, max_value=MOST_POINTS, default=121)


class ScenariosQuery(LegsQuery):
    """A grid: the underlying's move by the volatility's by the days that pass."""

    spot_moves_pct = serializers.ListField(
        child=FiniteField(min_value=-90, max_value=200),
        min_length=1,
        max_length=MOST_MOVES,
        default=lambda: [-5, -3, -2, -1, 0, 1, 2, 3, 5],
    )
    iv_shifts = serializers.ListField(
        child=FiniteField(min_value=-5, max_value=5),
        min_length=1,
        max_length=MOST_SHIFTS,
        default=lambda: [-0.05, 0, 0.05],
        help_text="Added to each leg's IV: 0.05 is five points.",
    )
    days = serializers.ListField(
        child=FiniteField(min_value=0, max_value=LATEST_DAY),
        min_length=1,
        max_length=MOST_DAYS,
        default=lambda: [0, 1, 3],
        help_text="Calendar days from the instant.",
    )


class LegSerializer(serializers.Serializer[Any]):
    """A leg as it was valued; theta per day, vega per one percent, of the whole leg."""

    kind = serializers.ChoiceField(choices=list(Kind))
    expiry = serializers.DateField()
    strike = serializers.FloatField(allow_null=True)
    quantity = serializers.IntegerField()
    price = RoundedField(4)
    last_price = RoundedField(4)
    iv = RoundedField(6)
    delta = RoundedField(4)
    gamma = RoundedField(6)
    theta = RoundedField(2)
    vega = RoundedField(2)


class PayoffSerializer(serializers.Serializer[Any]):
    """The answer of ``payoff``; a bound that is null is without limit or unknown."""

    status = serializers.CharField(default="ok")
    symbol = serializers.CharField()
    spot = RoundedField(4)
    observed_at = serializers.DateTimeField(allow_null=True)
    horizon = serializers.DateField(help_text="The nearest expiry of the legs.")
    legs = LegSerializer(many=True)
    net_premium = RoundedField(2, help_text="Paid; negative is received.")
    delta = RoundedField(4)
    gamma = RoundedField(6)
    theta = RoundedField(2)
    vega = RoundedField(2)
    spots = serializers.ListField(child=RoundedField(4))
    at_expiry = serializers.ListField(child=RoundedField(2))
    now = serializers.ListField(child=RoundedField(2))
    break_evens = serializers.ListField(child=RoundedField(4))
    max_profit = RoundedField(2)
    max_loss = RoundedField(2)
    profit_is_unlimited = serializers.BooleanField()
    loss_is_unlimited = serializers.BooleanField()
    risk_reward = RoundedField(4)
    is_exact = serializers.BooleanField(
        help_text="False: legs of several expiries; bounds are those of the range."
    )


class ScenarioSerializer(serializers.Serializer[Any]):
    """Profits at one shift of volatility after some days, along the spot moves."""

    days = serializers.FloatField()
    iv_shift = serializers.FloatField()
    profits = serializers.ListField(child=RoundedField(2))


class ScenariosSerializer(serializers.Serializer[Any]):
    """The answer of ``scenarios``."""

    status = serializers.CharField(default="ok")
    symbol = serializers.CharField()
    spot = RoundedField(4)
    observed_at = serializers.DateTimeField(allow_null=True)
    spots = serializers.ListField(child=RoundedField(4))
    scenarios = ScenarioSerializer(many=True)
