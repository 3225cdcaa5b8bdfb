"""One tree of errors. A message says what, where and what to do, and never quotes a value from a file.

    DeidError
    |-- UnsupportedFormat   an object no format accepts
    |-- MalformedFile       an object that breaks its format, or ends too early
    |-- PolicyError         a policy that cannot be used as written
    |-- UnsafeToRelease     cleaned data that may not leave
    |-- VaultError          a key, mapping file or crosswalk is missing or unusable
    `-- StoreError          a store that cannot be read or written

The first two and ``UnsafeToRelease`` may concern one item; they then carry the :class:`~deid_platform.model.Reason`
under which that item is quarantined. Any other exception is a bug, and still quarantines the item.
"""

from __future__ import annotations

from deid_platform.model import Reason


class DeidError(Exception):
    """Root of all errors this engine raises on purpose."""

    reason: Reason = Reason.INTERNAL_ERROR

    def __init__(self, message: str, reason: Reason | None = None) -> None:
        super().__init__(message)
        if reason is not None:
            self.reason = reason

    def __reduce__(self) -> tuple[type[DeidError], tuple[str, Reason]]:
        """Keep the reason when the error crosses a process boundary."""
        return type(self), (str(self), self.reason)


class UnsupportedFormat(DeidError):
    """No format accepts the object."""

    reason = Reason.UNSUPPORTED_FORMAT


class MalformedFile(DeidError):
    """The object breaks its format."""

    reason = Reason.MALFORMED


class PolicyError(DeidError):
    """A policy, profile or table cannot be used as written."""


class UnsafeToRelease(DeidError):
    """Cleaned data may not leave the trusted zone."""

    reason = Reason.FORBIDDEN_CONTENT


class VaultError(DeidError):
    """What the vault keeps is missing or unusable: the project key, a mapping file, a crosswalk."""


class StoreError(DeidError):
    """A store cannot be read or written."""

    reason = Reason.UNREADABLE
