"""Who may come to which address: every view says so, and what says nothing is shut.

A view says it in one of four ways: a REST view names its ``permission_classes``; a page
is behind ``login_required``; the admin's views are behind ``admin_view``; any other is
marked with ``@open_to("read:market")`` by whoever looks at the caller there.
``undeclared()`` lists the views that say nothing: the system check refuses them, and
``LoginRequiredMiddleware`` and ``Nobody`` refuse their callers.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from django.contrib.auth.decorators import login_not_required
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.permissions import BasePermission

EVERYBODY = "everybody"
REST_DEFAULT = "rest_framework.views"
ADMIN_VIEWS = {
    "AdminSite.admin_view.<locals>.inner",
    *(
        f"{owner}.get_urls.<locals>.wrap.<locals>.wrapper"
        for owner in ("AdminSite", "ModelAdmin")
    ),
}
View = TypeVar("View", bound=Callable[..., Any])


class Nobody(BasePermission):
    """What a REST view asks for that names no permission: nobody has it."""

    message = "This address is open to nobody."

    def has_permission(self, request: Any, view: Any) -> bool:
        return False


def open_to(whom: str) -> Callable[[View], View]:
    """Say that a view lets in ``whom``, and sees to it by itself."""

    def mark(view: View) -> View:
        view.access = whom  # type: ignore[attr-defined]
        return login_not_required(view)

    return mark


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address of the site and what stands there."""

    route: str
    name: str
    view: Callable[..., Any]

    @property
    def view_class(self) -> type[Any] | None:
        found: type[Any] | None = getattr(
            self.view, "view_class", getattr(self.view, "cls", None)
        )
        return found

    @property
    def methods(self) -> list[str]:
        """Return what may be sent here, besides HEAD and OPTIONS."""
        known = self.view_class
        if not hasattr(known, "permission_classes"):
            return ["GET", "POST"]
        names = ("get", "post", "put", "patch", "delete")
        return [name.upper() for name in names if hasattr(known, name)]

    @property
    def access(self) -> str | None:
        """Return who may come, as the view says; None when it says nothing."""
        known = self.view_class
        if known is not None and hasattr(known, "permission_classes"):
            return _permissions_of(known)
        if said := getattr(self.view, "access", None):
            return str(said)
        if getattr(self.view, "login_required", True) is False:
            return EVERYBODY
        if _is_of_the_admin(self.view):
            return "staff"
        return "people" if hasattr(self.view, "redirect_field_name") else None


def _permissions_of(view_class: type[Any]) -> str | None:
    # What the framework's own class names is only the default.
    owner = next(
        each for each in view_class.__mro__ if "permission_classes" in vars(each)
    )
    if owner.__module__ == REST_DEFAULT:
        return None
    names = [getattr(each, "__name__", "") for each in view_class.permission_classes]
    return " and ".join(names) or EVERYBODY


def _is_of_the_admin(view: Callable[..., Any]) -> bool:
    """Tell whether the admin looks at the caller before ``view`` is called.

    By the code of the layers, not by names and marks, which wrap() copies.
    """
    waiting, seen = [view], set[int]()
    while waiting:
        layer = waiting.pop()
        code = getattr(layer, "__code__", None)
        if code is None or id(layer) in seen:
            continue
        seen.add(id(layer))
        if code.co_qualname in ADMIN_VIEWS:
            return True
        cells = getattr(layer, "__closure__", None) or ()
        waiting += [
            each.cell_contents for each in cells if callable(each.cell_contents)
        ]
    return False


def endpoints() -> Iterator[Endpoint]:
    """Yield every address of the site, as the URL resolver knows them."""
    yield from _under(get_resolver(), "", "")


def _under(resolver: URLResolver, prefix: str, space: str) -> Iterator[Endpoint]:
    for pattern in resolver.url_patterns:
        route = f"{prefix}{pattern.pattern}"
        if isinstance(pattern, URLPattern):
            name = f"{space}{pattern.name or ''}"
            yield Endpoint(route, name, pattern.callback)
        else:
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from _under(pattern, route, inner)


def undeclared() -> list[Endpoint]:
    """Return the addresses whose views do not say who may come."""
    return [each for each in endpoints() if each.access is None]
