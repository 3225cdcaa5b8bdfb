"""What the engine asks of a place that keeps bytes. Implemented by a folder and by S3."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from deid_platform.model import StoredObject


class Store(Protocol):
    """Objects under '/'-separated keys. Picklable (workers get a copy), safe to share between threads.

    Writes are atomic: a reader sees the old object, the new one or none, never a part, also after a crash.
    Every failure is a :class:`~deid_platform.errors.StoreError` whose message names neither key nor content,
    because keys of the landing zone hold names. Its reason is ``SOURCE_CHANGED`` where an object to be read is
    not there, and ``UNREADABLE`` otherwise.
    """

    def require(self) -> None:
        """Raise unless the store is there and may be listed; one that does not exist lists as empty.

        For a store that others fill: a bucket misspelt or a disk not mounted must not look like an idle day.
        """
        ...

    def within(self, prefix: str) -> Store:
        """The part of this store under a folder (with or without a closing '/'), keys counted from there."""
        ...

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """All objects whose key starts with ``prefix``, ordered by key (code points)."""
        ...

    def folders(self, prefix: str = "") -> Iterator[str]:
        """Names of the folders directly under ``prefix`` (which is empty or ends in '/'), without slashes.

        They come in the order in which :meth:`list` would come to them. A folder may turn out to be empty.
        """
        ...

    def stat(self, key: str) -> StoredObject | None:
        """The object's description, or None when there is none."""
        ...

    def read(self, key: str) -> bytes:
        """The whole of a small object."""
        ...

    def head(self, key: str, count: int) -> bytes:
        """The first ``count`` bytes of an object, fewer where it is shorter, without transferring the rest."""
        ...

    def read_range(self, key: str, at: int, count: int, etag: str) -> bytes:
        """``count`` bytes of an object from byte ``at`` on, which lies in it; fewer where it ends before.

        An object that is no longer the one with this ``etag`` is a StoreError of reason ``SOURCE_CHANGED``, so that
        pieces read one after the other are of one object.
        """
        ...

    def write(self, key: str, data: bytes) -> None:
        """Create or replace a small object."""
        ...

    def fetch(self, key: str) -> AbstractContextManager[Path]:
        """A local file with the object's bytes, to be read only; gone after the block if it is a copy."""
        ...

    def upload(self, source: Path, key: str) -> None:
        """Create or replace an object from a local file, which the caller keeps."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        ...

    def locate(self, key: str) -> str:
        """Where a person finds the object: a path or an s3:// address."""
        ...
