"""The WSGI application, served by granian (`manage.py up`)."""

import multiprocessing
import os
import threading

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "onepiece_market.settings")
application = get_wsgi_application()


def _end_with_parent() -> None:
    """End this worker when the process that started it dies, were it by kill -9: the port becomes free again."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


threading.Thread(target=_end_with_parent, daemon=True).start()
