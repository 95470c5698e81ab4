"""The WSGI application, served by granian (`manage.py up`)."""

import multiprocessing
import multiprocessing.process
import os
import threading

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from whitenoise import WhiteNoise

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "onepiece_market.settings")
application = WhiteNoise(
    get_wsgi_application(),
    root=settings.STATIC_ROOT,
    prefix=settings.STATIC_URL,
    allow_all_origins=False,
    immutable_file_test=r"\.[0-9a-f]{12}\.",  # named by its content: to be kept for ever
    add_headers_function=lambda headers, path, url: headers.add_header("X-Content-Type-Options", "nosniff"),
)


def _follow(parent: multiprocessing.process.BaseProcess) -> None:
    """End this worker when the process that started it dies, were it by kill -9: the port becomes free again."""
    parent.join()
    os._exit(1)


if (starter := multiprocessing.parent_process()) is not None:
    os.setpgid(0, 0)  # Ctrl-C reaches the starter only, who ends us once: granian's workers hang on two signals at once
    threading.Thread(target=_follow, args=(starter,), daemon=True).start()
