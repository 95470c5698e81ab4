"""django-cacheops as its documentation sets it up: a database of Redis of its own, and the models that are cached."""

from onepiece_market.settings import *  # noqa: F403
from onepiece_market.settings import INSTALLED_APPS as OURS
from onepiece_market.settings import REDIS_URL

INSTALLED_APPS = ["cacheops", *OURS]
CACHEOPS_REDIS = f"{REDIS_URL}?db=4"
CACHEOPS_DEFAULTS = {"timeout": 600}
CACHEOPS = {"characters.character": {"ops": "all"}, "crews.crew": {"ops": "all"}}
