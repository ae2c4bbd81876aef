"""The first answer to each command, kept so that a retry gets the same one."""

from django.db import models


class IdempotencyKey(models.Model):
    """A command that was carried out, by who sent it where, and its answer.

    The row is written in the transaction of the command's effect: there is one
    exactly when there is the other, so none is ever left half-way.
    """

    principal = models.CharField(max_length=100)
    route = models.CharField(max_length=200)
    key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    content_type = models.CharField(max_length=100)
    headers = models.JSONField(default=dict)
    body = models.BinaryField()
    created_at = models.DateTimeField()

    class Meta:
        db_table = "idempotency_keys"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["principal", "route", "key"],
                name="idempotency_keys_once_per_principal_and_route",
            ),
            models.CheckConstraint(
                name="idempotency_keys_status_of_success",
                condition=models.Q(status__gte=200, status__lt=400),
            ),
        ]
        # Pruning deletes by age alone.
        indexes = [
            models.Index(fields=["created_at"], name="idempotency_keys_created_at")
        ]

    def __str__(self) -> str:
        return f"{self.principal} {self.route} {self.key}"
