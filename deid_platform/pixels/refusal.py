"""The three ways in which pixels are refused, worded once and without a value from the file."""

from __future__ import annotations

from deid_platform.errors import UnsafeToRelease
from deid_platform.model import Reason


def undecodable(what: str) -> UnsafeToRelease:
    """The error to raise when nobody can say what the pixels show, because of ``what``."""
    return UnsafeToRelease(f"The pixels cannot be decoded: {what}.", Reason.PIXELS_UNDECODABLE)


def too_large(what: str) -> UnsafeToRelease:
    """The error to raise when ``what`` exceeds a configured limit."""
    return UnsafeToRelease(f"The pixels exceed the configured limits: {what}.", Reason.TOO_LARGE)


def video() -> UnsafeToRelease:
    """The error to raise for pixels stored as video."""
    return UnsafeToRelease("The pixels are stored as video, which is not searched for text.", Reason.VIDEO)
