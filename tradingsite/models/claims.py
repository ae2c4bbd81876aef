"""Who may do what only one may do: leases with fencing tokens, runs done once."""

from django.db import models


class Claim(models.Model):
    """A lease on a name: one owner at a time, each with a higher token."""

    name = models.CharField(max_length=200, primary_key=True)
    owner = models.CharField(max_length=200)
    token = models.BigIntegerField()
    acquired_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "claims"
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                name="claims_token_positive", condition=models.Q(token__gt=0)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} held by {self.owner} (token {self.token})"


class ScheduledRun(models.Model):
    """One due time of a job that somebody took: the row is the proof."""

    job = models.CharField(max_length=200)
    due_at = models.DateTimeField()
    taken_at = models.DateTimeField()

    class Meta:
        db_table = "scheduled_runs"
        ordering = ["-due_at", "job"]
        constraints = [
            models.UniqueConstraint(
                fields=["job", "due_at"], name="scheduled_runs_once_per_due_time"
            ),
        ]
        # Pruning deletes by age alone.
        indexes = [models.Index(fields=["due_at"], name="scheduled_runs_due_at")]

    def __str__(self) -> str:
        return f"{self.job} due at {self.due_at:%Y-%m-%d %H:%M:%S}"
