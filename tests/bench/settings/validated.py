"""The site, but that no process remembers a page: each is proven fresh by Valkey."""

from onepiece_market.settings import *  # noqa: F403

ROOT_URLCONF = "tests.bench.urls.validated"
