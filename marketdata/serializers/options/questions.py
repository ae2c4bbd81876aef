"""What may be asked about option chains: every parameter within bounds."""

from datetime import timedelta
from typing import Any

from rest_framework import serializers

from marketdata.chain import Origin
from marketdata.chain.panels import FARTHEST, Indicator, SideAsked
from marketdata.serializers.fields import FiniteField, SymbolField
from marketdata.serializers.futures import SIZES

MOST_STRIKES = 500
MOST_EXPIRIES = 4
MOST_SPAN = timedelta(days=5)
HIGHEST_STRIKE = 10_000_000


class ExpiryField(serializers.CharField):
    """A day (``2026-11-24``) or a label (``NWeek+0``, ``NMonth+1``)."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("help_text", "A day, or a label such as NWeek+0.")
        super().__init__(max_length=16, **options)


class ExpiriesQuery(serializers.Serializer[Any]):
    """Which underlying, and from which day on."""

    symbol = SymbolField()
    as_of = serializers.DateField(required=False, help_text="Default: today.")


class ChainQuery(serializers.Serializer[Any]):
    """Which chain, at which instant, how many strikes, and whose volatilities."""

    symbol = SymbolField()
    expiry = ExpiryField(required=False)
    at = serializers.DateTimeField(
        required=False, help_text="A past minute; without it, now."
    )
    strikes = serializers.IntegerField(
        min_value=0,
        max_value=MOST_STRIKES,
        default=0,
        help_text="So many on each side of the money; 0: all.",
    )
    iv = serializers.ChoiceField(
        choices=list(Origin),
        default=Origin.FEED,
        help_text="Whose volatility and greeks count where both are known.",
    )


class DistributionQuery(serializers.Serializer[Any]):
    """An indicator across the strikes of one or more expiries."""

    symbol = SymbolField()
    indicator = serializers.ChoiceField(
        choices=[one for one in Indicator if one is not Indicator.MAX_PAIN],
        default=Indicator.IV,
    )
    option_side = serializers.ChoiceField(
        choices=list(SideAsked), default=SideAsked.BOTH
    )
    expiry = serializers.ListField(
        child=ExpiryField(),
        max_length=MOST_EXPIRIES,
        default=list,
        help_text="May be repeated; default: the next two.",
    )
    at = serializers.DateTimeField(required=False)
    strike_range = serializers.IntegerField(
        min_value=1, max_value=MOST_STRIKES, default=50
    )


class SpanQuery(serializers.Serializer[Any]):
    """Intervals of a range; the newest 500 of it are answered."""

    symbol = SymbolField()
    resolution = serializers.ChoiceField(
        choices=SIZES, default=5, help_text="Minutes an interval."
    )
    to = serializers.DateTimeField(required=False, help_text="Default: now.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # The wire's word is a keyword of ours.
        start = serializers.DateTimeField(
            required=False, help_text="Default: six hours before the end."
        )
        return {**super().get_fields(), "from": start}

    def validate(self, asked: dict[str, Any]) -> dict[str, Any]:
        start, end = asked.get("from"), asked.get("to")
        if start and end and start >= end:
            raise serializers.ValidationError({"from": "Must be before to."})
        if start and end and end - start > MOST_SPAN:
            raise serializers.ValidationError(
                {"from": f"At most {MOST_SPAN.days} days before to."}
            )
        return asked


class OneExpiryQuery(SpanQuery):
    """Intervals of one expiry; the nearest one when none is named."""

    expiry = ExpiryField(required=False)


class StrikeHistoryQuery(OneExpiryQuery):
    """Intervals of one strike."""

    strike = FiniteField(min_value=0, max_value=HIGHEST_STRIKE)


class MoneynessQuery(SpanQuery):
    """An indicator over time, a line per moneyness."""

    indicator = serializers.ChoiceField(choices=list(Indicator), default=Indicator.IV)
    option_side = serializers.ChoiceField(
        choices=list(SideAsked), default=SideAsked.BOTH
    )
    expiry = serializers.ListField(
        child=ExpiryField(), max_length=MOST_EXPIRIES, default=list
    )
    levels = serializers.IntegerField(min_value=0, max_value=FARTHEST, default=5)
