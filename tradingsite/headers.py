"""What browsers are told: what a page may load, and what others may do with it.

Pages run scripts of our own files only, and inline ones that carry the nonce of the
answer. The admin's scripts (Alpine) put expressions of their templates together, which
needs ``unsafe-eval`` there, and nowhere else; inline scripts and styles need the nonce
there too. What programs get is no document: it may load nothing.
"""

from collections.abc import Mapping
from typing import Any

from csp.constants import NONCE, NONE, SELF, UNSAFE_EVAL
from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

Directives = dict[str, list[Any]]
REPORT_GROUP = "csp"
PROGRAM_PATHS = ("/api/v1/", "/udf/", "/health/", "/metrics")
# Features that no page of ours uses.
PERMISSIONS = ", ".join(
    f"{feature}=()"
    for feature in (
        *("accelerometer", "camera", "display-capture", "geolocation", "gyroscope"),
        *("magnetometer", "microphone", "midi", "payment", "usb"),
    )
)


def policies(report_path: str) -> dict[str, Directives]:
    """Return the policy of each part of the site, by how its paths begin."""
    everywhere: Directives = {
        "default-src": [NONE],
        "base-uri": [NONE],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
        "report-uri": [report_path],
        "report-to": [REPORT_GROUP],
    }
    page: Directives = everywhere | {
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
    }
    admin: Directives = page | {"script-src": [SELF, NONCE, UNSAFE_EVAL]}
    program: Directives = everywhere | {"form-action": [NONE]}
    return {
        **dict.fromkeys(PROGRAM_PATHS, program),
        "/admin/": admin,
        "/": page,
    }


def policy_for(path: str) -> Directives:
    chosen: Mapping[str, Directives] = settings.CONTENT_SECURITY_POLICIES
    return next(chosen[begin] for begin in chosen if path.startswith(begin))


class Headers(CSPMiddleware):
    """Adds the policy of the path and what else browsers should keep to."""

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        # Nothing here waits: no hop into a thread, as the parent would make.
        self.process_request(request)
        response: HttpResponseBase = await self.get_response(request)  # type: ignore[misc]
        return self.process_response(request, response)

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        response = super().process_response(request, response)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        report_to = f'{REPORT_GROUP}="{settings.CSP_REPORT_PATH}"'
        response.headers.setdefault("Reporting-Endpoints", report_to)
        return response

    def get_policy_parts(
        self,
        request: HttpRequest,
        response: HttpResponseBase,
        report_only: bool = False,  # noqa: FBT001, FBT002 - the parent's signature
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if not report_only:
            parts.config = parts.config or dict[str, Any](policy_for(request.path_info))
        return parts
