"""Who is asking: a person in a session, or a program with a key or a token.

``principal_of(request)`` answers for plain views; the two REST classes answer the
same for Django REST framework. What was proven a moment ago is remembered in the
process (``memory``); that it was revoked is felt within half a second. An unknown id
and a wrong secret take the same path, and nobody is told which of the two it was.
"""

from accounts.authentication.asking import principal_of, subject_of
from accounts.authentication.reading import (
    KeyInQuery,
    Origin,
    origin_of,
)
from accounts.authentication.rest import BearerAuthentication, SessionAuthentication
from accounts.principals import Principal
from tradingsite.addresses import client_address

__all__ = [
    "BearerAuthentication",
    "KeyInQuery",
    "Origin",
    "Principal",
    "SessionAuthentication",
    "client_address",
    "origin_of",
    "principal_of",
    "subject_of",
]
