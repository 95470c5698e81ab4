"""The site's addresses, in a process that remembers no page."""

from caching import bodies
from onepiece_market.urls import urlpatterns

bodies.MEMORY = 0
__all__ = ("urlpatterns",)
