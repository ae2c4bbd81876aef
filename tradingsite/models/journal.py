"""The streams that lose nothing: each event numbered in the transaction it tells of."""

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models


class JournalStream(models.Model):
    """The counter of one stream; whoever appends holds its row until COMMIT."""

    name = models.CharField(max_length=200, primary_key=True)
    epoch = models.CharField(max_length=32)
    first_seq = models.BigIntegerField(default=1)
    last_seq = models.BigIntegerField(default=0)

    class Meta:
        db_table = "journal_streams"
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                name="journal_streams_first_seq_within_reach",
                condition=models.Q(
                    first_seq__gte=1, first_seq__lte=models.F("last_seq") + 1
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.epoch}/{self.first_seq}-{self.last_seq}"


class JournalEntry(models.Model):
    """One event of a stream; never changed, only dropped when it is old."""

    stream = models.ForeignKey(
        JournalStream, on_delete=models.CASCADE, related_name="entries", db_index=False
    )
    seq = models.BigIntegerField()
    event = models.JSONField(encoder=DjangoJSONEncoder)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "journal_entries"
        ordering = ["stream", "seq"]
        verbose_name_plural = "journal entries"
        constraints = [
            models.UniqueConstraint(
                fields=["stream", "seq"], name="journal_entries_stream_seq"
            ),
            models.CheckConstraint(
                name="journal_entries_seq_positive", condition=models.Q(seq__gt=0)
            ),
        ]
        # Retention asks for what is older than a moment.
        indexes = [
            models.Index(fields=["created_at"], name="journal_entries_created_at")
        ]

    def __str__(self) -> str:
        return f"{self.stream_id} {self.seq}"
