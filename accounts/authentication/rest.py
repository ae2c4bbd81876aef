"""The two doors of Django REST framework: a bearer, or a session with CSRF."""

from rest_framework import authentication, exceptions
from rest_framework.request import Request

from accounts.authentication.asking import Subject, subject_of
from accounts.authentication.reading import KeyInQuery, bearer_of
from tradingsite.problems import BEARER


class BearerAuthentication(authentication.BaseAuthentication):
    """``Authorization: Bearer …`` for the REST API: a key or an access token."""

    def authenticate(self, request: Request) -> Subject | None:
        plain = request._request
        try:
            subject = subject_of(plain)
        except KeyInQuery as error:
            raise exceptions.ParseError(str(error), code="key_in_query") from error
        if bearer_of(plain) is None:
            return None
        if subject is None:
            raise exceptions.AuthenticationFailed("The key or token is not accepted.")
        return subject

    def authenticate_header(self, request: Request) -> str:
        return BEARER


class SessionAuthentication(authentication.SessionAuthentication):
    """A logged-in page that calls the REST API, with CSRF checked."""

    def authenticate(self, request: Request) -> Subject | None:
        subject = subject_of(request._request)
        if subject is not None:
            self.enforce_csrf(request)
        return subject
