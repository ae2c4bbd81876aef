"""Static files: hashed names, and compressed once, before the first visitor."""

from typing import Any

import brotli
from whitenoise.compress import Compressor
from whitenoise.storage import CompressedManifestStaticFilesStorage

# The best quality takes ten times as long and saves a tenth more.
BROTLI_QUALITY = 6


class QuickCompressor(Compressor):  # type: ignore[misc]
    """Compresses well enough in a tenth of the time, which a newcomer waits for."""

    @staticmethod
    def compress_brotli(data: bytes) -> bytes:
        return bytes(brotli.compress(data, quality=BROTLI_QUALITY))


class StaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Where static files are collected to."""

    def create_compressor(self, **options: Any) -> Compressor:
        return QuickCompressor(**options)
