"""A store in which every archive is a folder: the members of ``drop.zip`` are objects below ``drop.zip/``.

An archive is told by its name and by its first bytes, so that no listing has to look into every object. One that
cannot be unpacked safely stays an object, and says why when it is fetched.
"""

from __future__ import annotations

import heapq
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from types import ModuleType

from deid_platform.errors import MalformedFile, StoreError, UnsupportedFormat
from deid_platform.model import Reason, StoredObject
from deid_platform.store.archives import tars, zips
from deid_platform.store.archives.contents import Contents, Member
from deid_platform.store.archives.ranges import opened
from deid_platform.store.protocol import Store
from deid_platform.store.recent import Recent

_KINDS: dict[str, ModuleType] = {".zip": zips, ".tar": tars}
_SLIDE = ".mrxs.tar"
"""An archive that is one item: a slide as it is released."""
_HEAD = 512
_GLANCE, _STREAM = 1 << 16, 1 << 22
"""Bytes asked for at a time: to look at something, and to read all of it."""
_MOST_KEPT = 500_000
"""Members whose places are kept in memory, by a process."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an archive is not unpacked."""

    message: str
    reason: Reason


Opened = Contents | Refusal | None
"""What is in an object; None where it is no archive."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A member and the archive it lies in."""

    archive: StoredObject
    member: Member

    @property
    def described(self) -> tuple[int, str, float]:
        """Size, etag and time: a member is another one when its archive is."""
        return self.member.size, f"{self.archive.etag}-{self.member.at:x}-{self.member.crc:x}", self.archive.modified


@dataclass(frozen=True, slots=True)
class Unpacked:
    """``inner`` with archives unpacked; read-only use, as of a landing zone. See the protocol for the methods.

    An archive beside a real folder of its name is not unpacked, as their objects could have one key.
    """

    inner: Store

    def require(self) -> None:
        """As the store inside."""
        self.inner.require()

    def within(self, prefix: str) -> Unpacked:
        """The part under a folder, which is not an archive."""
        return Unpacked(self.inner.within(prefix))

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """All objects; an archive that is not unpacked because of a folder of its name comes just before that."""
        if holding := self._holding(prefix):
            yield from _members(*holding, prefix)
            return
        waiting: list[tuple[str, StoredObject, Contents]] = []
        for found in self.inner.list(prefix):
            while waiting and waiting[0][0] < found.key:
                start, archive, contents = heapq.heappop(waiting)
                yield from [archive] if found.key.startswith(start) else _members(archive, contents)
            inside = self._opened(found)
            if isinstance(inside, Contents):
                heapq.heappush(waiting, (f"{found.key}/", found, inside))
            else:
                yield found
        while waiting:
            yield from _members(*heapq.heappop(waiting)[1:])

    def folders(self, prefix: str = "") -> Iterator[str]:
        """As the store inside."""
        return self.inner.folders(prefix)

    def stat(self, key: str) -> StoredObject | None:
        """The description of an object or member; None for an archive that is unpacked."""
        if place := self._place(key):
            return StoredObject(key, *place.described)
        found = self.inner.stat(key)
        return None if found and isinstance(self._unpacked(found), Contents) else found

    def read(self, key: str) -> bytes:
        """The whole of a small object."""
        with self.fetch(key) as path:
            return path.read_bytes()

    def head(self, key: str, count: int) -> bytes:
        """The first bytes."""
        place = self._place(key)
        if not place:
            return self.inner.head(key, count)
        data = b""
        for chunk in self._chunks(place, _GLANCE):
            data += chunk[: count - len(data)]
            if len(data) >= count:
                break
        return data

    def read_range(self, key: str, at: int, count: int, etag: str) -> bytes:
        """A piece of an object; a member is unpacked for it."""
        place = self._place(key)
        if not place:
            return self.inner.read_range(key, at, count, etag)
        if place.described[1] != etag:
            raise StoreError("A member of an archive changed: run again.", Reason.SOURCE_CHANGED)
        with self.fetch(key) as path, path.open("rb") as file:
            file.seek(at)
            return file.read(count)

    @contextmanager
    def fetch(self, key: str) -> Iterator[Path]:
        """A local file; of a member a temporary one, once its length and checksum are seen to be right."""
        place = self._place(key)
        if not place:
            self._check(key)
            with self.inner.fetch(key) as path:
                yield path
            return
        with tempfile.NamedTemporaryFile(prefix="deid-") as file:
            for chunk in self._chunks(place, _STREAM):
                file.write(chunk)
            file.flush()
            yield Path(file.name)

    def write(self, key: str, data: bytes) -> None:
        """As the store inside."""
        self.inner.write(key, data)

    def upload(self, source: Path, key: str) -> None:
        """As the store inside."""
        self.inner.upload(source, key)

    def delete(self, key: str) -> None:
        """As the store inside; a member cannot be deleted."""
        self.inner.delete(key)

    def locate(self, key: str) -> str:
        """As the store inside; of a member the place of its archive and its name."""
        return self.inner.locate(key)

    def _place(self, key: str) -> _Place | None:
        """The member of that key."""
        holding = self._holding(key)
        if not holding:
            return None
        archive, contents = holding
        member = contents.find(key[len(archive.key) + 1 :])
        return _Place(archive, member) if member else None

    def _holding(self, key: str) -> tuple[StoredObject, Contents] | None:
        """The archive that ``key``, or every key beginning so, lies in."""
        at = key.find("/")
        while at >= 0:
            found = self.inner.stat(key[:at]) if _kind(key[:at]) else None
            inside = self._unpacked(found) if found else None
            if found and isinstance(inside, Contents):
                return found, inside
            at = key.find("/", at + 1)
        return None

    def _check(self, key: str) -> None:
        """Raise what an archive is refused for."""
        found = self.inner.stat(key) if _kind(key) else None
        inside = self._opened(found) if found else None
        if isinstance(inside, Refusal):
            raise StoreError(inside.message, inside.reason)
        if isinstance(inside, Contents):
            raise StoreError("An archive has the name of a folder beside it: rename one of them.", Reason.MALFORMED)

    def _unpacked(self, found: StoredObject) -> Opened:
        """What is in an object whose members are objects here."""
        inside = self._opened(found)
        shadowed = isinstance(inside, Contents) and next(iter(self.inner.list(f"{found.key}/")), None)
        return None if shadowed else inside

    def _opened(self, found: StoredObject) -> Opened:
        """What is in an object. One that cannot be read is no archive: whoever fetches it will be told."""
        kind = _kind(found.key)
        if not kind:
            return None
        try:
            return _recent(os.getpid()).get((self.inner, found), partial(_look, self.inner, found, kind))
        except StoreError:
            self.inner.require()
            return None

    def _chunks(self, place: _Place, buffer: int) -> Iterator[bytes]:
        kind = _kind(place.archive.key)
        try:
            if kind:
                with opened(partial(_read, self.inner, place.archive), place.archive.size, buffer) as file:
                    yield from kind.chunks(file, place.member)
        except (MalformedFile, UnsupportedFormat) as error:
            raise StoreError(str(error), error.reason) from None


@lru_cache(maxsize=1)
def _recent(process: int) -> Recent[Opened]:
    """What was found in archives; ``process`` keeps a forked child from waiting for its parent's threads."""
    return Recent(_MOST_KEPT, lambda found: len(found) if isinstance(found, Contents) else 1)


def _look(store: Store, found: StoredObject, kind: ModuleType) -> Opened:
    if not kind.begins(store.head(found.key, _HEAD)):
        return None
    with opened(partial(_read, store, found), found.size, _GLANCE) as file:
        try:
            inside: Contents = kind.contents(file, found.size)
        except (MalformedFile, UnsupportedFormat) as error:
            return Refusal(str(error), error.reason)
    return inside


def _read(store: Store, found: StoredObject, at: int, count: int) -> bytes:
    return store.read_range(found.key, at, count, found.etag)


def _kind(key: str) -> ModuleType | None:
    """The module that reads an archive called so."""
    name = key.lower()
    return None if name.endswith(_SLIDE) else next((_KINDS[end] for end in _KINDS if name.endswith(end)), None)


def _members(archive: StoredObject, contents: Contents, prefix: str = "") -> Iterator[StoredObject]:
    """The members of an archive whose keys begin with ``prefix``."""
    start = f"{archive.key}/"
    for name, member in contents.under(prefix[len(start) :]):
        yield StoredObject(start + name, *_Place(archive, member).described)
