"""How any floor tells the audit what it changed, without knowing who keeps it.

``settings.AUDIT`` names the function that writes it down; it is called in the
transaction of the change. Where it stands nothing but rows and their fields is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Model, QuerySet
from django.forms import BaseModelForm
from django.http import HttpRequest
from django.utils.module_loading import import_string

Fields = Mapping[str, Any]


def tell(
    action: str,
    *,
    source: HttpRequest | None,
    row: Model | None = None,
    target: str = "",
    before: Fields | None = None,
    after: Fields | None = None,
) -> None:
    """Write down that ``action`` was done to ``row``, or to what ``target`` names.

    ``action`` is a dotted name such as ``holiday.changed``. ``before`` and ``after``
    hold the fields that differ; secrets among them are masked.
    """
    import_string(settings.AUDIT)(
        action,
        source=source,
        row=row,
        target=target,
        before=before or {},
        after=after or {},
    )


def fields_of(row: Model) -> dict[str, Any]:
    """Return the columns of ``row``, as they are told when it comes or goes."""
    return {field.attname: field.value_from_object(row) for field in _columns(row)}


def difference(before: Fields, after: Fields) -> tuple[Fields, Fields]:
    """Return what of the two differs, each side of it."""
    names = [name for name in after if before.get(name) != after[name]]
    old = {name: before[name] for name in names if name in before}
    return old, {name: after[name] for name in names}


def _columns(row: Model) -> Iterable[Any]:
    # Bytes say nothing to a reader, and may be a secret.
    return (
        field
        for field in row._meta.concrete_fields
        if field.get_internal_type() != "BinaryField"
    )


class AuditedAdmin:
    """For an admin of a table: tells who added, changed and deleted which rows.

    It stands before ``ModelAdmin`` among the bases. The inlines of the page are told
    too, each row by its own name. ``told_as`` gives an action a name of its own, such
    as ``{"api_key.added": "key.issued"}``.
    """

    told_as: Mapping[str, str] = {}

    def save_model(
        self,
        request: HttpRequest,
        obj: Any,
        form: Any,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        super().save_model(request, obj, form, change)  # type: ignore[misc]
        self.tell_of_form(request, form, is_new=not change)

    def save_formset(
        self,
        request: HttpRequest,
        form: BaseModelForm[Any],
        formset: Any,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        super().save_formset(request, form, formset, change)  # type: ignore[misc]
        for row in formset.deleted_objects:
            self.tell_of_end(request, row)
        for each in formset.forms:
            if each.has_changed() and each not in formset.deleted_forms:
                self.tell_of_form(request, each, is_new=each in formset.extra_forms)

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        self.tell_of_end(request, obj)
        super().delete_model(request, obj)  # type: ignore[misc]

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        with transaction.atomic():
            for row in queryset:
                self.tell_of_end(request, row)
            super().delete_queryset(request, queryset)  # type: ignore[misc]

    def tell_of_form(
        self, request: HttpRequest, form: BaseModelForm[Any], *, is_new: bool
    ) -> None:
        names = form.changed_data
        if not is_new and not names:
            return
        self._tell(
            "added" if is_new else "changed",
            request,
            form.instance,
            before={} if is_new else {name: form.initial.get(name) for name in names},
            after={name: form.cleaned_data.get(name) for name in names},
        )

    def tell_of_end(self, request: HttpRequest, row: Model) -> None:
        self._tell("deleted", request, row, before=fields_of(row))

    def _tell(
        self,
        verb: str,
        request: HttpRequest,
        row: Model,
        *,
        before: Fields,
        after: Fields | None = None,
    ) -> None:
        action = f"{_word(row)}.{verb}"
        action = self.told_as.get(action, action)
        tell(action, source=request, row=row, before=before, after=after)


def _word(row: Model) -> str:
    return str(row._meta.verbose_name).replace(" ", "_").lower()
