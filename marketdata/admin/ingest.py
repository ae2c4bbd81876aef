"""What the ingestor and the gap map keep, to be looked at."""

from django.contrib import admin

from marketdata.admin.looking import LookOnly
from marketdata.models import (
    BarGap,
    QuarantinedTick,
    SessionGap,
    ShardPosition,
    SubscriptionSession,
    TickerSubscription,
)


@admin.register(BarGap)
class BarGapAdmin(LookOnly):
    """Shows what was lost and whether it was repaired."""

    list_display = [
        "stream",
        "from_at",
        "to_at",
        "reason",
        "lost_entries",
        "status",
        "attempts",
    ]
    list_filter = ["status", "reason"]


@admin.register(QuarantinedTick)
class QuarantinedTickAdmin(LookOnly):
    """Shows refused ticks with the reason."""

    list_display = ["received_at", "stream", "entry_id", "reason", "detail"]
    # A filter would read the whole table to know the reasons there are.
    search_fields = ["=reason", "=stream"]


@admin.register(ShardPosition)
class ShardPositionAdmin(LookOnly):
    """Shows how far each shard has been read."""

    list_display = ["stream", "entry_id", "ordinal", "last_tick_at", "updated_at"]


@admin.register(SessionGap)
class SessionGapAdmin(LookOnly):
    """Shows what sessions lack, why, and when it is asked for next."""

    list_display = [
        *("instrument", "day", "status", "reason", "stored", "attempts"),
        *("next_attempt_at", "last_error"),
    ]
    list_filter = ["status", "reason", "day"]
    list_select_related = ["instrument"]
    search_fields = ["instrument__symbol"]
    # By its own columns: by those of the instrument no index has them in order.
    ordering = ["-day", "-id"]


@admin.register(SubscriptionSession)
class SubscriptionSessionAdmin(LookOnly):
    """Shows who wants ticks, and until when."""

    list_display = ["id", "owner", "user", "mode", "created_at", "expires_at"]
    list_select_related = ["user"]


@admin.register(TickerSubscription)
class TickerSubscriptionAdmin(LookOnly):
    """Shows what the ticker service was told."""

    list_display = ["instrument", "token", "state", "mode", "held_since", "last_error"]
    list_filter = ["state", "mode"]
    list_select_related = ["instrument"]
