"""What pages share: parts that refresh themselves, and small lines."""

from collections.abc import Callable, Sequence
from functools import wraps
from urllib.parse import urlencode, urlsplit

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django_htmx.http import HttpResponseClientRedirect

from tradingsite.access import open_to

SPARK_WIDTH, SPARK_HEIGHT, SPARK_MARGIN = 120, 28, 2


View = Callable[[HttpRequest], HttpResponse]


def live_part(view: View) -> View:
    """Send a page whose session ended to the log-in, not the log-in into the page."""

    @wraps(view)
    def checked(request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            return view(request)
        back = urlencode({"next": _page_of(request)}, safe="/")
        return HttpResponseClientRedirect(f"{reverse('login')}?{back}")

    return open_to("people")(never_cache(checked))


def _page_of(request: HttpRequest) -> str:
    """Return the page that holds the part; the log-in checks where it leads."""
    page = urlsplit(request.headers.get("HX-Current-URL", ""))
    return f"{page.path}?{page.query}" if page.query else page.path or "/"


def spark(values: Sequence[float]) -> str:
    """Return the points of a small line through ``values``; nothing for one point."""
    if not values or len(values) == 1:
        return ""
    low, high = min(values), max(values)
    step = SPARK_WIDTH / (len(values) - 1)
    height = (SPARK_HEIGHT - 2 * SPARK_MARGIN) / ((high - low) or 1)
    return " ".join(
        f"{index * step:.1f},{SPARK_HEIGHT - SPARK_MARGIN - (value - low) * height:.1f}"
        for index, value in enumerate(values)
    )
