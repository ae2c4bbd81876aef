"""What is answered about option chains; what is unknown is null, never 0."""

from typing import Any

from rest_framework import serializers

from marketdata.chain import Origin
from marketdata.chain.panels import Indicator, SideAsked
from marketdata.serializers.fields import RoundedField


class ExpirySerializer(serializers.Serializer[Any]):
    """One expiry, as it was seen from the day."""

    date = serializers.DateField(source="expires_on")
    is_weekly = serializers.SerializerMethodField()
    is_monthly = serializers.BooleanField(source="labeled.expiry.is_monthly")
    is_quarterly = serializers.BooleanField(source="labeled.expiry.is_quarterly")
    days_to_expiry = serializers.IntegerField(source="labeled.days_to_expiry")
    relative_label = serializers.CharField(source="label")
    relative_rank = serializers.IntegerField(source="labeled.rank")

    def get_is_weekly(self, expiry: Any) -> bool:
        return not expiry.labeled.expiry.is_monthly


class ExpiriesSerializer(serializers.Serializer[Any]):
    """The answer of ``expiries``, nearest first."""

    status = serializers.CharField(default="ok")
    symbol = serializers.CharField()
    as_of_date = serializers.DateField()
    expiries = ExpirySerializer(many=True)


class PanelSerializer(serializers.Serializer[Any]):
    """How a page may show an indicator."""

    id = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # the wire calls it so
    indicator = serializers.ChoiceField(choices=list(Indicator))
    orientation = serializers.ChoiceField(choices=["horizontal", "vertical"])
    option_side = serializers.ChoiceField(choices=list(SideAsked))
    default = serializers.BooleanField()


class PanelsSerializer(serializers.Serializer[Any]):
    """The answer of ``indicators``."""

    status = serializers.CharField(default="ok")
    indicators = PanelSerializer(many=True)


class SideSerializer(serializers.Serializer[Any]):
    """The call or the put of a strike; what is unknown is null."""

    symbol = serializers.CharField()
    lot_size = serializers.IntegerField()
    price = serializers.FloatField(allow_null=True)
    bid = serializers.FloatField(allow_null=True)
    ask = serializers.FloatField(allow_null=True)
    volume = serializers.IntegerField(allow_null=True, help_text="Of the day.")
    oi = serializers.IntegerField(allow_null=True)
    oi_change = serializers.IntegerField(
        allow_null=True, help_text="Against one hour earlier."
    )
    iv = serializers.FloatField(allow_null=True)
    iv_from = serializers.ChoiceField(choices=list(Origin), allow_null=True)
    delta = serializers.FloatField(allow_null=True)
    gamma = serializers.FloatField(allow_null=True)
    theta = serializers.FloatField(allow_null=True)
    vega = serializers.FloatField(allow_null=True)
    rho = serializers.FloatField(allow_null=True)
    intrinsic = serializers.FloatField(allow_null=True, help_text="At the forward.")
    extrinsic = serializers.FloatField(allow_null=True)
    last_at = serializers.DateTimeField(allow_null=True)
    is_stale = serializers.BooleanField()


class StrikeSerializer(serializers.Serializer[Any]):
    """Call and put side by side."""

    strike = serializers.FloatField()
    steps = serializers.IntegerField(
        allow_null=True, help_text="Listed strikes from the money; 0 is at it."
    )
    pcr = serializers.FloatField(allow_null=True)
    call = SideSerializer(allow_null=True)
    put = SideSerializer(allow_null=True)


class MetricsSerializer(serializers.Serializer[Any]):
    """The chain as a whole; all strikes count, also those not asked for."""

    spot = RoundedField(4)
    forward = RoundedField(4, help_text="By put-call parity around the money.")
    atm_strike = RoundedField(2)
    days_to_expiry = RoundedField(6, source="days")
    total_call_oi = serializers.IntegerField(source="call_open_interest")
    total_put_oi = serializers.IntegerField(source="put_open_interest")
    call_oi_change = serializers.IntegerField(
        source="call_open_interest_change",
        allow_null=True,
        help_text="Of the strikes that were known one hour earlier.",
    )
    put_oi_change = serializers.IntegerField(
        source="put_open_interest_change", allow_null=True
    )
    total_call_volume = serializers.IntegerField(source="call_volume")
    total_put_volume = serializers.IntegerField(source="put_volume")
    pcr = RoundedField(6, source="pcr_open_interest", help_text="Of open interest.")
    pcr_volume = RoundedField(6, help_text="Of the day's volume.")
    max_pain_strike = RoundedField(2, source="max_pain")
    atm_iv = RoundedField(6, source="atm_volatility", help_text="At the forward.")
    skew = RoundedField(6, help_text="IV of the 25-delta put less the call's.")
    straddle = RoundedField(2, help_text="Call and put at the money together.")
    expected_move = RoundedField(2, help_text="One standard deviation, in rupees.")


class ChainSerializer(serializers.Serializer[Any]):
    """The answer of ``chain``."""

    status = serializers.CharField(default="ok")
    symbol = serializers.CharField()
    expiry = serializers.DateField()
    relative_label = serializers.CharField()
    at = serializers.DateTimeField()
    observed_at = serializers.DateTimeField(allow_null=True)
    metrics = MetricsSerializer()
    strikes = StrikeSerializer(many=True)


class PointSerializer(serializers.Serializer[Any]):
    """One strike of a distribution."""

    strike = serializers.FloatField()
    moneyness_bucket = serializers.CharField(allow_null=True, help_text="Of the call.")
    value = RoundedField(8)
    call = RoundedField(8)
    put = RoundedField(8)
    call_oi = serializers.IntegerField(allow_null=True)
    put_oi = serializers.IntegerField(allow_null=True)


class DistributedSerializer(serializers.Serializer[Any]):
    """One expiry of a distribution."""

    expiry = serializers.DateField()
    relative_label = serializers.CharField()
    observed_at = serializers.DateTimeField(allow_null=True)
    metrics = MetricsSerializer()
    points = PointSerializer(many=True)


class DistributionSerializer(serializers.Serializer[Any]):
    """The answer of ``strike-distribution``."""

    status = serializers.CharField(default="ok")
    symbol = serializers.CharField()
    indicator = serializers.CharField()
    option_side = serializers.CharField()
    series = DistributedSerializer(many=True)


class TimedSerializer(serializers.Serializer[Any]):
    """A value at the beginning of an interval."""

    time = serializers.DateTimeField()
    value = RoundedField(8)


class LineSerializer(serializers.Serializer[Any]):
    """One moneyness of one expiry over time."""

    expiry = serializers.DateField()
    relative_label = serializers.CharField()
    bucket = serializers.CharField()
    points = TimedSerializer(many=True)


class MoneynessSerializer(serializers.Serializer[Any]):
    """The answer of ``moneyness-series``."""

    status = serializers.CharField(default="ok")
    symbol = serializers.CharField()
    resolution = serializers.IntegerField()
    indicator = serializers.CharField()
    option_side = serializers.CharField()
    series = LineSerializer(many=True)


class StrikeBarSerializer(serializers.Serializer[Any]):
    """One strike in one interval; volume is that of the interval."""

    time = serializers.DateTimeField()
    underlying = RoundedField(4)
    forward = RoundedField(4)
    call = serializers.DictField(child=serializers.FloatField(allow_null=True))
    put = serializers.DictField(child=serializers.FloatField(allow_null=True))


class StrikeHistorySerializer(serializers.Serializer[Any]):
    """The answer of ``strike-history``."""

    status = serializers.CharField(default="ok")
    symbol = serializers.CharField()
    strike = serializers.FloatField()
    expiry = serializers.DateField()
    resolution = serializers.IntegerField()
    candles = StrikeBarSerializer(many=True)


class ExpiryMetricSerializer(serializers.Serializer[Any]):
    """An expiry as a whole in one interval; volume is that of the interval."""

    time = serializers.DateTimeField()
    underlying = RoundedField(4)
    forward = RoundedField(4)
    total_call_oi = RoundedField(0)
    total_put_oi = RoundedField(0)
    total_call_volume = RoundedField(0)
    total_put_volume = RoundedField(0)
    pcr = RoundedField(6)
    pcr_volume = RoundedField(6)
    max_pain_strike = RoundedField(2)
    atm_iv = RoundedField(6)
    skew = RoundedField(6)
    straddle = RoundedField(2)
    expected_move = RoundedField(2)


class ExpiryMetricsSerializer(serializers.Serializer[Any]):
    """The answer of ``expiry-metrics``."""

    status = serializers.CharField(default="ok")
    symbol = serializers.CharField()
    expiry = serializers.DateField()
    relative_label = serializers.CharField()
    resolution = serializers.IntegerField()
    series = ExpiryMetricSerializer(many=True)
