"""A store whose writes fail when told to, for tests that crash a run and start it again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from deid_platform.errors import StoreError
from deid_platform.model import StoredObject
from deid_platform.store.protocol import Store


@dataclass(frozen=True, slots=True)
class FailingStore:
    """``inner``, but of all writes and uploads those numbered ``first`` to ``last`` (from 1, inclusive) fail.

    ``counter`` is a file, so that copies in other processes and the stores made by ``within`` count together.
    ``after`` lets a failing write take place and fails then, as when the answer is lost on the way.
    """

    inner: Store
    counter: Path
    first: int
    last: int
    after: bool = False

    def require(self) -> None:
        """As ``inner``."""
        self.inner.require()

    def within(self, prefix: str) -> FailingStore:
        """A part of the store that fails with the whole."""
        return replace(self, inner=self.inner.within(prefix))

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """As ``inner``."""
        return self.inner.list(prefix)

    def folders(self, prefix: str = "") -> Iterator[str]:
        """As ``inner``."""
        return self.inner.folders(prefix)

    def stat(self, key: str) -> StoredObject | None:
        """As ``inner``."""
        return self.inner.stat(key)

    def read(self, key: str) -> bytes:
        """As ``inner``."""
        return self.inner.read(key)

    def head(self, key: str, count: int) -> bytes:
        """As ``inner``."""
        return self.inner.head(key, count)

    def read_range(self, key: str, at: int, count: int, etag: str) -> bytes:
        """As ``inner``."""
        return self.inner.read_range(key, at, count, etag)

    def write(self, key: str, data: bytes) -> None:
        """As ``inner``, or StoreError."""
        fails = self._fails_now()
        if self.after or not fails:
            self.inner.write(key, data)
        self._raise_if(fails)

    def fetch(self, key: str) -> AbstractContextManager[Path]:
        """As ``inner``."""
        return self.inner.fetch(key)

    def upload(self, source: Path, key: str) -> None:
        """As ``inner``, or StoreError."""
        fails = self._fails_now()
        if self.after or not fails:
            self.inner.upload(source, key)
        self._raise_if(fails)

    def delete(self, key: str) -> None:
        """As ``inner``."""
        self.inner.delete(key)

    def locate(self, key: str) -> str:
        """As ``inner``."""
        return self.inner.locate(key)

    @property
    def writes(self) -> int:
        """How many writes and uploads were tried so far."""
        return self.counter.stat().st_size if self.counter.exists() else 0

    def _fails_now(self) -> bool:
        """Count this write by one byte more: appending is atomic, also between processes."""
        descriptor = os.open(self.counter, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(descriptor, b".")
            return self.first <= os.lseek(descriptor, 0, os.SEEK_CUR) <= self.last
        finally:
            os.close(descriptor)

    @staticmethod
    def _raise_if(fails: bool) -> None:
        if fails:
            raise StoreError("The store was told to fail here: run again.")
