"""When values are made smaller on their way to Redis."""

import zlib

from django_redis.compressors.base import BaseCompressor
from django_redis.exceptions import CompressorError

THRESHOLD = 8192  # bytes; small values cost more time to compress than their bytes cost to send


class LargeZlibCompressor(BaseCompressor):
    """The module's zlib compressor, for large values only. JSON never begins with zlib's first byte (0x78, "x")."""

    def compress(self, value: bytes) -> bytes:
        """Return the value, compressed if it is large."""
        return zlib.compress(value, 1) if len(value) > THRESHOLD else value

    def decompress(self, value: bytes) -> bytes:
        """Return what `compress` was given."""
        if value[:1] != b"x":
            return value
        try:
            return zlib.decompress(value)
        except zlib.error as error:
            raise CompressorError from error
