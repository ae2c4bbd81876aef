"""Changes in the admin that ask for a code not older than five minutes."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.step_up import demanded


class FreshSecondFactorMixin:
    """Asks for a fresh code before anything is added, changed, deleted or acted on.

    Looking is free. A new row is asked for first, because its form may hold what
    cannot be carried through the question.
    """

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kw: Any
    ) -> HttpResponseBase:
        is_asked = request.method == "POST" or object_id is None
        parent: Any = super()
        return (is_asked and demanded(request)) or parent.changeform_view(
            request, object_id, *args, **kw
        )

    def changelist_view(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        parent: Any = super()
        return (request.method == "POST" and demanded(request)) or (
            parent.changelist_view(request, *args, **kwargs)
        )

    def delete_view(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        parent: Any = super()
        return demanded(request) or parent.delete_view(request, *args, **kwargs)

    def user_change_password(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        parent: Any = super()
        return demanded(request) or parent.user_change_password(
            request, *args, **kwargs
        )
