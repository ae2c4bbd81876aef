"""``/api/v1/accounts`` and ``/api/v1/desks``: which there are, opened and changed."""

from http import HTTPStatus
from typing import Any

from django.core.exceptions import ValidationError as ModelError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import audit, valuing
from accounts.models import Desk, TradingAccount
from accounts.permissions import MayReadAccounts, account_for, desk_for, subject_of
from accounts.roles import Action
from accounts.serializers.accounts import (
    ChangedAccountSerializer,
    DeskSerializer,
    NewAccountSerializer,
    TradingAccountSerializer,
)
from accounts.serializers.portfolio import AccountSummarySerializer
from tradingsite.api import Pages, StrictSerializer


class AccountListView(ListAPIView[TradingAccount]):
    """The trading accounts that the caller may see; POST opens one on a desk."""

    permission_classes = [MayReadAccounts]
    serializer_class = AccountSummarySerializer
    pagination_class = Pages

    def get_queryset(self) -> QuerySet[TradingAccount]:
        subject = subject_of(self.request)
        return TradingAccount.objects.for_subject(subject).select_related("desk")

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        accounts = self.paginate_queryset(self.get_queryset()) or []
        worths = valuing.valuations(accounts, timezone.now())
        rows = [worths[account.pk] for account in accounts]
        return self.get_paginated_response(
            AccountSummarySerializer(rows, many=True).data
        )

    @extend_schema(
        request=NewAccountSerializer, responses={201: TradingAccountSerializer}
    )
    def post(self, request: Request) -> Response:
        wanted = checked(NewAccountSerializer, request)
        desk = desk_for(request, wanted.pop("desk"), Action.MANAGE_ACCOUNT)
        account = TradingAccount(desk=desk, **wanted)
        _validate(account)
        with transaction.atomic():
            account.save()
            audit.record(
                "account.opened",
                source=request._request,
                account=account,
                target=f"TradingAccount {account.pk}",
                change=audit.Change(after={**wanted, "desk": desk.slug}),
            )
        answer = TradingAccountSerializer(account).data
        return Response(answer, status=HTTPStatus.CREATED)


class AccountView(APIView):
    """One account; what it is called and whether it may trade can be changed."""

    permission_classes = [MayReadAccounts]

    @extend_schema(responses=AccountSummarySerializer)
    def get(self, request: Request, slug: str) -> Response:
        account = account_for(request, slug, Action.READ)
        worth = valuing.valuation_of(account, timezone.now())
        return Response(AccountSummarySerializer(worth).data)

    @extend_schema(request=ChangedAccountSerializer, responses=TradingAccountSerializer)
    def patch(self, request: Request, slug: str) -> Response:
        account = account_for(request, slug, Action.MANAGE_ACCOUNT)
        wanted = checked(ChangedAccountSerializer, request)
        with transaction.atomic():
            account = TradingAccount.objects.select_for_update().get(pk=account.pk)
            before = {name: getattr(account, name) for name in wanted}
            for name, value in wanted.items():
                setattr(account, name, value)
            account.save(update_fields=[*wanted, "updated_at"])
            audit.record(
                "account.changed",
                source=request._request,
                account=account,
                target=f"TradingAccount {account.pk}",
                change=audit.Change(before=before, after=wanted),
            )
        return Response(TradingAccountSerializer(account).data)


class DeskListView(ListAPIView[Desk]):
    """The desks of which the caller is a member."""

    permission_classes = [MayReadAccounts]
    serializer_class = DeskSerializer

    def get_queryset(self) -> QuerySet[Desk]:
        return Desk.objects.for_subject(subject_of(self.request))


def checked(question: type[StrictSerializer], request: Request) -> dict[str, Any]:
    """Return the body of ``request`` as ``question`` reads it, or refuse it."""
    serializer = question(data=request.data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _validate(account: TradingAccount) -> None:
    """Refuse what the table would refuse, in the API's words."""
    try:
        account.full_clean()
    except ModelError as error:
        messages = {
            "account_id" if name == "slug" else name: texts
            for name, texts in error.message_dict.items()
        }
        raise ValidationError(messages) from None
