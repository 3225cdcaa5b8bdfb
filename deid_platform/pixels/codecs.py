"""The libraries that decode and encode pixels: another version of one may give other bytes."""

from __future__ import annotations

import zlib
from functools import cache
from importlib.metadata import version

_LIBRARIES = ("numpy", "pillow", "pydicom", "pyjpegls", "pylibjpeg-openjpeg", "python-gdcm", "scipy")


@cache
def codec_versions() -> str:
    """Names and versions, which are part of the version of whatever writes pixels."""
    return " ".join((*(f"{name} {version(name)}" for name in _LIBRARIES), f"zlib {zlib.ZLIB_RUNTIME_VERSION}"))
