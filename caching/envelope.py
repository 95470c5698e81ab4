"""What stands in Redis: the tokens that a value was loaded under, then the value as JSON or as the bytes that it is."""

import zlib
from collections.abc import Sequence
from typing import Any

import orjson

from caching.shapes import plain

THRESHOLD = 8192  # bytes; smaller values cost more time to compress than their bytes cost to send
JSON, BYTES, ABSENT = b"j", b"b", b"-"
GZIP = b"\x1f\x8b"  # how compressed bytes begin: once is enough
SMALL, LARGE = b"\x01", b"\x02"  # as it is, compressed


class OddError(Exception):
    """What was read is nothing that we wrote."""


def payload_of(value: Any) -> bytes:
    """Return a value as bytes. Raises TypeError for what JSON cannot hold exactly."""
    return BYTES + value if isinstance(value, bytes) else JSON + orjson.dumps(value, default=plain)


def value_of(payload: bytes) -> Any:
    """Return the value again; None where there is none. Raises OddError."""
    kind, body = payload[:1], payload[1:]
    if kind == JSON:
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise OddError from error
    if kind == BYTES:
        return body
    raise OddError


def seal(tokens: Sequence[bytes], payload: bytes) -> bytes:
    """Return what to store."""
    large = len(payload) > THRESHOLD and not payload.startswith(BYTES + GZIP)
    return b"".join((LARGE if large else SMALL, *tokens, zlib.compress(payload, 1) if large else payload))


def unseal(stored: bytes | None, tokens: Sequence[bytes | None]) -> bytes | None:
    """Return the payload if it was stored under exactly these tokens, else None. Also for bytes that are not ours."""
    if stored is None or None in tokens:
        return None
    under = b"".join(tokens)  # type: ignore[arg-type]  # no None among them
    size = 1 + len(under)
    if stored[1:size] != under:
        return None
    return content(stored, size)


def tokens_of(stored: bytes, count: int, size: int) -> list[bytes]:
    """Return the tokens that something was stored under."""
    return [stored[1 + n * size : 1 + (n + 1) * size] for n in range(count)]


def content(stored: bytes, start: int) -> bytes | None:
    """Return the payload that begins here, None if there is none that can be read."""
    if stored[:1] == SMALL:
        return stored[start:]
    if stored[:1] == LARGE:
        try:
            return zlib.decompress(stored[start:])
        except zlib.error:
            return None
    return None
