"""The board's bytes as a constant, behind no middleware."""

from tests.bench.settings.trivial import *  # noqa: F403

MIDDLEWARE = []
