"""Fields that the questions and answers of the market share."""

import math
from typing import Any

from rest_framework import serializers


class SymbolField(serializers.CharField):
    """An instrument as people call it: ``NSE:NIFTY``, ``NIFTY`` or an alias."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("help_text", "EXCHANGE:SYMBOL, or a symbol that is unique.")
        super().__init__(max_length=96, **options)


class FiniteField(serializers.FloatField):
    """A number within limits; what is not a number is within none."""

    default_error_messages = {"not_finite": "A finite number is required."}

    def to_internal_value(self, data: Any) -> float:
        value = float(super().to_internal_value(data))
        if not math.isfinite(value):
            self.fail("not_finite")
        return value


class RoundedField(serializers.FloatField):
    """A computed number without the noise of floating point; null when unknown."""

    def __init__(self, decimals: int = 4, **options: Any) -> None:
        self.decimals = decimals
        super().__init__(allow_null=True, **options)

    def to_representation(self, value: Any) -> Any:
        return round(float(value), self.decimals)
