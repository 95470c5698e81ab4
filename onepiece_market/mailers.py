"""How letters are sent."""

from collections.abc import Mapping
from typing import Any

OPTIONS = {
    "host": "EMAIL_HOST", "port": "EMAIL_PORT", "username": "EMAIL_HOST_USER", "password": "EMAIL_HOST_PASSWORD",
    "use_tls": "EMAIL_USE_TLS", "use_ssl": "EMAIL_USE_SSL", "timeout": "EMAIL_TIMEOUT",
}  # fmt: skip
PATIENCE = 10  # seconds: a mail server that does not answer must not hold a page for longer


def mailer(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry of MAILERS for what django-environ reads from an e-mail URL: it still speaks in EMAIL_ settings."""
    given = {name: config[key] for name, key in OPTIONS.items() if config.get(key) is not None}
    return {"BACKEND": config["EMAIL_BACKEND"], "OPTIONS": {"timeout": PATIENCE, **given} if "host" in given else {}}
