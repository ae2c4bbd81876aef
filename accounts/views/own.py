"""The door of a program that asks who it is."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import IsPrincipal
from accounts.principals import Principal
from accounts.serializers.accounts import PrincipalSerializer


class MeView(APIView):
    """Who the caller is, by which door it came, and what that door allows."""

    permission_classes = [IsPrincipal]

    @extend_schema(responses=PrincipalSerializer)
    def get(self, request: Request) -> Response:
        assert isinstance(request.auth, Principal)
        return Response(PrincipalSerializer(request.auth).data)
