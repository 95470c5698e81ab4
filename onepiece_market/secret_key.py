"""The key that signs sessions, where SECRET_KEY does not name one."""

import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def kept_key(home: Path) -> str:
    """Return the key kept in this folder, made on first use; two first starts at once agree on one."""
    path = home / "secret_key"
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"MARKET_HOME={home} is no folder that can be used: {error.strerror}.") from error
    if not path.exists():
        mine = path.with_name(f"secret_key.{secrets.token_hex(8)}")
        mine.touch(mode=0o600)
        mine.write_text(secrets.token_urlsafe(50))
        try:
            path.hardlink_to(mine)
        except FileExistsError:
            pass
        finally:
            mine.unlink()
    return path.read_text()
