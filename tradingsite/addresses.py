"""Where a request comes from, as told by the hop that is trusted."""

from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

# What one customer of a provider gets: within it an address costs nothing.
_IPV6_PREFIX = 64


def client_address(request: HttpRequest) -> str:
    """Return the address of the client, as told by the hop that is trusted.

    Behind a proxy only the last entry of X-Forwarded-For is its own; the ones
    before it are what the client says about itself.
    """
    if settings.BEHIND_PROXY:
        forwarded = str(request.META.get("HTTP_X_FORWARDED_FOR", ""))
        return forwarded.rpartition(",")[2].strip()
    return str(request.META.get("REMOTE_ADDR", ""))


def neighbourhood(address: str) -> str:
    """Return what is counted as one address: an IPv6 network, else ``address``."""
    try:
        host = ip_address(address)
    except ValueError:
        return address
    if isinstance(host, IPv6Address) and not host.ipv4_mapped:
        return str(ip_network((host, _IPV6_PREFIX), strict=False))
    return address
