"""The site without any cached read: each board is queried and rendered."""

from onepiece_market.settings import *  # noqa: F403

ROOT_URLCONF = "tests.bench.urls.past"
