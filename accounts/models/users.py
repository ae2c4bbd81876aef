"""The people (and the service users) that may log in."""

from django.contrib.auth.models import AbstractUser


class User(AbstractUser):
    """A person of the house; what they may do is said by their memberships."""

    class Meta(AbstractUser.Meta):
        ordering = ["username"]

    @property
    def display_name(self) -> str:
        return self.get_full_name() or self.username
