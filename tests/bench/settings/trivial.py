"""The board's bytes as a constant, behind the site's own middleware."""

from onepiece_market.settings import *  # noqa: F403

ROOT_URLCONF = "tests.bench.urls.trivial"
