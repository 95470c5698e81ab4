"""Where a visitor goes on to, and where a form may come from."""

from urllib.parse import urlsplit

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

LONGEST = 2000


def onward(request: HttpRequest) -> str:
    """Return the page of ours that `next` names, in the form or in the address; "" if it names none."""
    url = request.POST.get("next") or request.GET.get("next", "")
    ours = url_has_allowed_host_and_scheme(url, {request.get_host()}, require_https=request.is_secure())
    return url if ours and len(url) <= LONGEST and urlsplit(url).path != request.path else ""


def is_from_here(request: HttpRequest) -> bool:
    """Return whether a page of ours sent this form. For a form without a token, whose page anybody's cache may keep.

    Browsers set these headers themselves: Origin with every POST, and no other site can change them.
    """
    headers = request.headers
    if "Origin" in headers:
        return _host(headers["Origin"]) == request.get_host()
    if "Sec-Fetch-Site" in headers:
        return headers["Sec-Fetch-Site"] in ("same-origin", "none")
    return _host(headers.get("Referer", "")) == request.get_host()


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return parts.netloc.lower() if parts.scheme in ("http", "https") else ""
