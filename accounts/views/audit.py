"""The audit of an account: for programs, on a page, and as a file.

Whoever may not read it is told what nobody's account is told: not found.
"""

from dataclasses import asdict
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView

from accounts import audit
from accounts.audit.exporting import CONTENT_TYPES, lines
from accounts.audit.searching import Search, entries
from accounts.authentication import principal_of
from accounts.models import AuditEntry, TradingAccount
from accounts.models.audit import AuditEntryQuerySet
from accounts.permissions import MayReadAccounts
from accounts.principals import Principal
from accounts.roles import Action
from accounts.serializers.audit import (
    AuditEntrySerializer,
    AuditQuery,
    ExportQuery,
    search_of,
)
from tradingsite.api import CursorPages, asked, is_position, problem

ON_A_PAGE = 50
# A bigger file is for ``manage.py export_audit``.
MOST_EXPORTED = 50_000


class AuditPages(CursorPages):
    """Pages that new entries do not shift."""

    ordering = "-position"


@extend_schema(parameters=[AuditQuery])
class AuditListView(ListAPIView[AuditEntry]):
    """The entries of an account, newest first; for roles that may read the audit."""

    permission_classes = [MayReadAccounts]

    serializer_class = AuditEntrySerializer
    pagination_class = AuditPages
    queryset = AuditEntry.objects.none()

    def get_queryset(self) -> AuditEntryQuerySet:
        subject = self.request.auth
        assert isinstance(subject, Principal)
        account = _account(subject, self.kwargs["account"], Action.READ_AUDIT)
        return entries(account, search_of(asked(AuditQuery, self.request)))


@login_required
@never_cache
@require_GET
def audit_page(request: HttpRequest, account: str) -> HttpResponse:
    """Show the audit of an account, fifty entries at a time."""
    subject = principal_of(request)
    found = _account(subject, account, Action.READ_AUDIT)
    wanted, errors = _search(request.GET)
    rows = entries(found, wanted)
    before = request.GET.get("before", "")
    if is_position(before):
        rows = rows.filter(position__lt=int(before))
    some = list(rows[: ON_A_PAGE + 1])
    given = {name: value for name, value in asdict(wanted).items() if value}
    context = {
        "account": found,
        "chosen": wanted,
        "errors": errors,
        "entries": some[:ON_A_PAGE],
        "older": some[ON_A_PAGE - 1].position if len(some) > ON_A_PAGE else None,
        "is_newest": not before,
        "query": urlencode(given),
        "given": given,
        "outcomes": AuditEntry.Outcome,
        "may_export": _may(subject, found, Action.EXPORT),
        "most_exported": MOST_EXPORTED,
    }
    status = HTTPStatus.BAD_REQUEST if errors else HTTPStatus.OK
    return render(request, "accounts/audit.html", context, status=status)


@login_required
@require_POST
def audit_export(request: HttpRequest, account: str) -> HttpResponse:
    """Answer with the chosen entries as a file, and write down who took it."""
    found = _account(principal_of(request), account, Action.EXPORT)
    query = ExportQuery(data=_given(request.POST))
    if not query.is_valid():
        return problem(request, HTTPStatus.BAD_REQUEST, code="invalid")
    form = query.validated_data["format"]
    rows = entries(found, search_of(query.validated_data))
    if rows[: MOST_EXPORTED + 1].count() > MOST_EXPORTED:
        return problem(
            request,
            HTTPStatus.BAD_REQUEST,
            code="too_many_rows",
            detail=f"More than {MOST_EXPORTED:,} entries; choose fewer, or ask for "
            "manage.py export_audit.",
        )
    content = _exported(request, found, rows, form)
    name = f"audit-{found.slug}-{timezone.now():%Y%m%d-%H%M%S}.{form}"
    return HttpResponse(
        content,
        content_type=CONTENT_TYPES[form],
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        },
    )


@transaction.atomic
def _exported(
    request: HttpRequest, account: TradingAccount, rows: AuditEntryQuerySet, form: Any
) -> bytes:
    pieces = list(lines(rows, form))
    count = len(pieces) - (form == "csv")
    audit.record(
        "audit.exported",
        source=request,
        account=account,
        target="Audit",
        change=audit.Change(after={"rows": count, "format": form}),
    )
    return b"".join(pieces)


def _account(subject: Principal | None, slug: str, action: Action) -> TradingAccount:
    found = TradingAccount.objects.for_subject(subject, action).filter(slug=slug)
    account = found.first()
    if account is None:
        raise Http404
    return account


def _may(subject: Principal | None, account: TradingAccount, action: Action) -> bool:
    return (
        TradingAccount.objects.for_subject(subject, action)
        .filter(pk=account.pk)
        .exists()
    )


def _search(given: QueryDict) -> tuple[Search, dict[str, Any]]:
    """Return what the form asks, or nothing of it and what is wrong."""
    query = AuditQuery(data=_given(given))
    if not query.is_valid():
        return Search(), dict(query.errors)
    return search_of(query.validated_data), {}


def _given(form: QueryDict) -> dict[str, str]:
    """Return what was filled in: an empty field asks nothing."""
    return {name: str(value) for name, value in form.items() if value}
