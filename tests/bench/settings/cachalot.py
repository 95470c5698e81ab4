"""django-cachalot as its documentation sets it up: the app, and a cache that it supports (django-redis with its defaults)."""

from onepiece_market.settings import *  # noqa: F403
from onepiece_market.settings import INSTALLED_APPS as OURS
from onepiece_market.settings import REDIS_URL

INSTALLED_APPS = ["cachalot", *OURS]
CACHES = {"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": f"{REDIS_URL}?db=5"}}
CACHALOT_ONLY_CACHABLE_APPS = ("characters", "crews")
CACHALOT_TIMEOUT = 600
