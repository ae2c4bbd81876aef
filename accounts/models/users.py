"""The people (and the service users) that may log in."""

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """A person of the house; what they may do is said by their memberships."""

    class Plan(models.TextChoices):
        """How often they may ask; ``settings.RATE_LIMIT_PLANS`` has the numbers."""

        FREE = "free", "Free"
        STANDARD = "standard", "Standard"
        INTERNAL = "internal", "Internal"

    plan = models.CharField(max_length=16, choices=Plan, default=Plan.STANDARD)

    class Meta(AbstractUser.Meta):
        ordering = ["username"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(plan__in=["free", "standard", "internal"]),
                name="user_plan_known",
            ),
        ]

    @property
    def display_name(self) -> str:
        return self.get_full_name() or self.username
