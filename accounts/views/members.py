"""The members of a desk and of an account: who, in which role, by whose hand.

Nobody changes a membership of their own: who hands out roles takes none.
"""

from http import HTTPStatus

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import audit
from accounts.models import Desk, Membership, TradingAccount, User
from accounts.permissions import MayReadAccounts, account_for, desk_for, subject_of
from accounts.roles import Action
from accounts.serializers.members import (
    ChangedMemberSerializer,
    MemberSerializer,
    NewMemberSerializer,
)
from accounts.views.accounts import checked

Place = Desk | TradingAccount


class MembersView(APIView):
    """The members of a place; POST adds one."""

    permission_classes = [MayReadAccounts]

    def place(self, request: Request, slug: str) -> Place:
        raise NotImplementedError

    @extend_schema(responses=MemberSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        members = members_of(self.place(request, slug))
        return Response(MemberSerializer(members, many=True).data)

    @extend_schema(request=NewMemberSerializer, responses={201: MemberSerializer})
    def post(self, request: Request, slug: str) -> Response:
        place = self.place(request, slug)
        wanted = checked(NewMemberSerializer, request)
        user = User.objects.filter(username=wanted["username"], is_active=True).first()
        if user is None:
            raise ValidationError({"username": "Nobody of that name can be added."})
        refuse_own(request, user)
        member = Membership(user=user, role=wanted["role"], **named(place))
        try:
            with transaction.atomic():
                member.save()
                record(request, "member.added", place, member, after=member.role)
        except IntegrityError:
            raise ValidationError({"username": "That is a member already."}) from None
        return Response(MemberSerializer(member).data, status=HTTPStatus.CREATED)


class MemberView(APIView):
    """One member of a place, whose role can be changed or taken."""

    permission_classes = [MayReadAccounts]

    def place(self, request: Request, slug: str) -> Place:
        raise NotImplementedError

    @extend_schema(request=ChangedMemberSerializer, responses=MemberSerializer)
    def patch(self, request: Request, slug: str, username: str) -> Response:
        place = self.place(request, slug)
        role = checked(ChangedMemberSerializer, request)["role"]
        with transaction.atomic():
            member = self.member(request, place, username)
            before, member.role = member.role, role
            member.save(update_fields=["role"])
            record(request, "member.changed", place, member, before, role)
        return Response(MemberSerializer(member).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str, username: str) -> Response:
        place = self.place(request, slug)
        with transaction.atomic():
            member = self.member(request, place, username)
            record(request, "member.removed", place, member, before=member.role)
            member.delete()
        return Response(status=HTTPStatus.NO_CONTENT)

    def member(self, request: Request, place: Place, username: str) -> Membership:
        rows = members_of(place).select_for_update(of=["self"])
        member = get_object_or_404(rows, user__username=username)
        refuse_own(request, member.user)
        return member


class OfDesk:
    """The place is a desk."""

    def place(self, request: Request, slug: str) -> Place:
        return desk_for(request, slug, Action.MANAGE_MEMBERS)


class OfAccount:
    """The place is an account."""

    def place(self, request: Request, slug: str) -> Place:
        return account_for(request, slug, Action.MANAGE_MEMBERS)


class DeskMembersView(OfDesk, MembersView):
    """The members of a whole desk."""


class DeskMemberView(OfDesk, MemberView):
    """One member of a whole desk."""


class AccountMembersView(OfAccount, MembersView):
    """The members of one account only."""


class AccountMemberView(OfAccount, MemberView):
    """One member of one account only."""


def members_of(place: Place) -> QuerySet[Membership]:
    return Membership.objects.filter(**named(place)).select_related("user")


def named(place: Place) -> dict[str, Place]:
    return {"desk" if isinstance(place, Desk) else "account": place}


def refuse_own(request: Request, user: User) -> None:
    principal = subject_of(request)
    if principal is None or principal.user_id == user.pk:
        raise PermissionDenied("Nobody changes their own role.", "own_membership")


def record(
    request: Request,
    action: str,
    place: Place,
    member: Membership,
    before: str = "",
    after: str = "",
) -> None:
    change = audit.Change(
        before={"role": before} if before else {},
        after={"role": after} if after else {},
    )
    account = place if isinstance(place, TradingAccount) else None
    target = f"{type(place).__name__} {place.pk}: {member.user.username}"
    audit.record(
        action, source=request._request, account=account, target=target, change=change
    )
