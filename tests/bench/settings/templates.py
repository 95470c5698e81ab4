"""The board by ORM objects and Django's templates, which are compiled once: the cached loader is on where DEBUG is off."""

from onepiece_market.settings import *  # noqa: F403
from onepiece_market.settings import BASE_DIR, CONTEXT_PROCESSORS
from onepiece_market.settings import TEMPLATES as OURS

ROOT_URLCONF = "tests.bench.urls.templates"
TEMPLATES = [
    *OURS,
    {
        "NAME": "peer",
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "tests" / "bench" / "peer" / "templates"],
        "OPTIONS": {"context_processors": CONTEXT_PROCESSORS, "libraries": {"market": "tests.bench.peer.tags"}},
    },
]
