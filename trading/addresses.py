"""Where a request comes from, as far as limits need to know."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

IPV6_NETWORK = 64  # what one customer of a provider gets: limits by single address would not bind him


UNKNOWN = "0.0.0.0"  # noqa: S104  what stands for an address that cannot be read: all of these share one limit


def client_address(request: HttpRequest, credentials: object = None) -> str:
    """Return the visitor's address, of IPv6 its /64 network.

    X-Forwarded-For is read from the right, as many steps as MARKET_TRUSTED_PROXIES says: what stands further left was
    written by the visitor. `credentials` is there for django-axes, which calls this, too.
    """
    proxies = settings.MARKET_TRUSTED_PROXIES
    passed = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    text = passed[-proxies] if 0 < proxies <= len(passed) else request.META.get("REMOTE_ADDR", "")
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return UNKNOWN
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or ipaddress.ip_network((int(address), IPV6_NETWORK), strict=False).network_address)


def keyed_hash(address: str) -> str:
    """Return what stands for an address where we count: without SECRET_KEY nobody can go back, or try addresses."""
    return salted_hmac("trading.daily_limits", address, algorithm="sha256").hexdigest()
