"""The doors of a program that asks who it is, and which accounts there are."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import TradingAccount
from accounts.principals import Principal
from accounts.serializers.accounts import PrincipalSerializer, TradingAccountSerializer


class MeView(APIView):
    """Who the caller is, by which door it came, and what that door allows."""

    @extend_schema(responses=PrincipalSerializer)
    def get(self, request: Request) -> Response:
        assert isinstance(request.auth, Principal)
        return Response(PrincipalSerializer(request.auth).data)


class AccountListView(ListAPIView[TradingAccount]):
    """The trading accounts that the caller may see."""

    serializer_class = TradingAccountSerializer

    def get_queryset(self) -> QuerySet[TradingAccount]:
        # The schema is made without a caller, who then sees nothing.
        subject = (
            self.request.auth if isinstance(self.request.auth, Principal) else None
        )
        return TradingAccount.objects.for_subject(subject).select_related("desk")
