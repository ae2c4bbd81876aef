"""Futures over REST: position signals, roll-over and the summary of an underlying."""

from typing import Any

from rest_framework import serializers

from marketdata.futures import (
    ROLLOVER_DAYS,
    THRESHOLD_PERCENT,
    Pressure,
    Sentiment,
    Signal,
)
from marketdata.resolutions import RESOLUTIONS
from marketdata.serializers.fields import FiniteField, RoundedField, SymbolField

MOST_HOURS = 30 * 24
SIZES = [resolution.minutes for resolution in RESOLUTIONS if resolution.is_intraday]


class SignalsQuery(serializers.Serializer[Any]):
    """Which bars to compare, and what counts as no change."""

    symbol = SymbolField()
    resolution = serializers.ChoiceField(
        choices=SIZES, default=5, help_text="Minutes a bar."
    )
    contract = serializers.CharField(
        max_length=64, required=False, help_text="One contract; else all active ones."
    )
    hours = serializers.IntegerField(min_value=1, max_value=MOST_HOURS, default=24)
    threshold_pct = FiniteField(
        min_value=0,
        max_value=100,
        default=THRESHOLD_PERCENT,
        help_text="Below it in both price and open interest a change is neutral.",
    )


class SignalSerializer(serializers.Serializer[Any]):
    """One bar of a contract and what changed since the one before it."""

    timestamp = serializers.DateTimeField(source="opened_at")
    contract = serializers.CharField(source="contract.symbol")
    expiry = serializers.DateField(source="expires_on")
    close = serializers.FloatField()
    open_interest = serializers.IntegerField(allow_null=True)
    volume = serializers.IntegerField()
    price_change = RoundedField(source="shift.price_change")
    price_change_pct = RoundedField(source="shift.price_change_percent")
    oi_change = serializers.IntegerField(
        source="shift.open_interest_change", allow_null=True
    )
    oi_change_pct = RoundedField(source="shift.open_interest_change_percent")
    position_signal = serializers.ChoiceField(
        choices=list(Signal), source="shift.signal", allow_null=True
    )
    signal_strength = RoundedField(6, source="shift.strength")
    sentiment = serializers.ChoiceField(
        choices=list(Sentiment), source="shift.sentiment", allow_null=True
    )


class SignalsSerializer(serializers.Serializer[Any]):
    """The answer of ``position-signals``, oldest bar first."""

    status = serializers.CharField(default="ok")
    symbol = serializers.CharField()
    resolution = serializers.IntegerField()
    from_time = serializers.DateTimeField()
    to_time = serializers.DateTimeField()
    data_points = serializers.IntegerField()
    is_truncated = serializers.BooleanField(
        help_text="Older bars of the range were left out."
    )
    series = SignalSerializer(many=True)


class RolloverQuery(serializers.Serializer[Any]):
    """Which underlying, and from how many days before an expiry pressure builds."""

    symbol = SymbolField()
    threshold_days = serializers.IntegerField(
        min_value=1, max_value=60, default=ROLLOVER_DAYS
    )


class ExpiryShareSerializer(serializers.Serializer[Any]):
    """What one expiry holds of all open interest; quantities in units."""

    expiry = serializers.DateField(source="expires_on")
    total_oi = serializers.IntegerField(source="open_interest")
    total_volume = serializers.IntegerField(source="volume")
    days_to_expiry = serializers.IntegerField(source="days_left")
    contract_count = serializers.IntegerField(source="contracts")
    oi_pct = RoundedField(2, source="share_percent")
    rollover_pressure = RoundedField(2, source="rollover.pressure")
    rollover_status = serializers.ChoiceField(
        choices=list(Pressure), source="rollover.status"
    )


class RolloverSerializer(serializers.Serializer[Any]):
    """The answer of ``rollover-metrics``, nearest expiry first."""

    status = serializers.CharField(default="ok")
    symbol = serializers.CharField()
    threshold_days = serializers.IntegerField()
    total_oi = serializers.IntegerField()
    expiry_count = serializers.IntegerField()
    current_month_expiry = serializers.DateField(
        source="nearest.expires_on", allow_null=True
    )
    current_month_oi_pct = RoundedField(2, source="nearest.share_percent")
    current_month_pressure = RoundedField(2, source="nearest.rollover.pressure")
    expiries = ExpiryShareSerializer(many=True)


class SummaryQuery(serializers.Serializer[Any]):
    """Which underlying."""

    symbol = SymbolField()


class ContractSerializer(serializers.Serializer[Any]):
    """A contract as it stands; changes are since the close of the day before."""

    contract = serializers.CharField(source="contract.symbol")
    expiry = serializers.DateField(source="contract.expires_on")
    days_to_expiry = serializers.IntegerField(source="days_left")
    last_update = serializers.DateTimeField(source="day.last_tick_at", allow_null=True)
    close = serializers.FloatField(source="day.price", allow_null=True)
    open_interest = serializers.IntegerField(
        source="day.open_interest", allow_null=True
    )
    volume = serializers.IntegerField(source="day.volume", allow_null=True)
    price_change_pct = RoundedField(source="day.change_percent")
    oi_change = serializers.IntegerField(
        source="shift.open_interest_change", allow_null=True
    )
    oi_change_pct = RoundedField(source="shift.open_interest_change_percent")
    position_signal = serializers.ChoiceField(
        choices=list(Signal), source="shift.signal", allow_null=True
    )
    sentiment = serializers.ChoiceField(
        choices=list(Sentiment), source="shift.sentiment", allow_null=True
    )
    basis = RoundedField(2, source="basis.points")
    basis_pct = RoundedField(source="basis.percent")
    basis_annual_pct = RoundedField(2, source="basis.annual_percent")


class SummarySerializer(serializers.Serializer[Any]):
    """The answer of ``summary``: the nearest contract, and all of them."""

    status = serializers.CharField(default="ok")
    symbol = serializers.CharField()
    contract = serializers.CharField(source="front.contract.symbol", allow_null=True)
    expiry = serializers.DateField(source="front.contract.expires_on", allow_null=True)
    last_update = serializers.DateTimeField(
        source="front.day.last_tick_at", allow_null=True
    )
    close = serializers.FloatField(source="front.day.price", allow_null=True)
    open_interest = serializers.IntegerField(
        source="front.day.open_interest", allow_null=True
    )
    volume = serializers.IntegerField(source="front.day.volume", allow_null=True)
    active_contracts = serializers.IntegerField()
    contracts = ContractSerializer(many=True)
