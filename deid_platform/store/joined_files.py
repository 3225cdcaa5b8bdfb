"""A store in which files that make up one image are one object.

That is a 3DHISTECH slide, a file ``X.mrxs`` and a folder ``X/`` beside it, and a pair of Analyze or NIfTI, a header
``X.hdr`` and an image ``X.img``, both plain or both ``.gz``. The object's bytes are a tar archive of the files, put
together when somebody asks for them, the same every time. Other files in the folder of a slide stay objects of their
own, so that none goes unseen.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deid_platform.errors import StoreError
from deid_platform.model import Reason, StoredObject
from deid_platform.store.protocol import Store
from deid_platform.tar import END, LONGEST_NAME, header, padding

SUFFIX = ".mrxs"
INDEX_FILE = "Slidedat.ini"
PAIR = "pair.hdr", "pair.img"
"""What the header and the image of a pair are called in the archive, compressed or not."""
_HEADER = re.compile(r"(.*[^/]\.)(hdr|HDR|Hdr)(\.gz|\.GZ)?", re.DOTALL)
_IMAGES = {"hdr": "img", "HDR": "IMG", "Hdr": "Img"}
_SIZES = (348, 540)
_FIRST = 64
_STEM = "slide"
_MOST_MEMBERS = 4096
Parts = tuple[StoredObject, ...]
"""The file that gives an object its name and those that belong to it, in the order of the archive."""


@dataclass(frozen=True, slots=True)
class JoinedFiles:
    """``inner`` with images put together; read-only use, as of a landing zone. See the protocol for the methods."""

    inner: Store

    def require(self) -> None:
        """As the store inside."""
        self.inner.require()

    def within(self, prefix: str) -> JoinedFiles:
        """The part under a folder, in which images are put together too."""
        return JoinedFiles(self.inner.within(prefix))

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """All objects; members of images are left out, as the image stands for them."""
        taken: set[str] = set()
        for found in self.inner.list(prefix):
            if found.key in taken:
                taken.discard(found.key)
            elif parts := self._members(found):
                taken.update(part.key for part in parts[1:])
                yield _joined(parts)
            else:
                yield found

    def folders(self, prefix: str = "") -> Iterator[str]:
        """As the store inside: the folder of a slide is one of them, and may turn out to be empty."""
        return self.inner.folders(prefix)

    def stat(self, key: str) -> StoredObject | None:
        """The description of an object, or of a whole image."""
        found = self.inner.stat(key)
        parts = self._members(found) if found else ()
        return _joined(parts) if parts else found

    def read(self, key: str) -> bytes:
        """The whole of a small object."""
        if not self._parts(key):
            return self.inner.read(key)
        with self.fetch(key) as path:
            return path.read_bytes()

    def head(self, key: str, count: int) -> bytes:
        """The first bytes; of an image no member is read but those they lie in."""
        parts = self._parts(key)
        if not parts:
            return self.inner.head(key, count)
        data = b""
        for part in parts:
            if len(data) >= count:
                break
            data += header(_name(part, key), part.size)
            data += self.inner.head(part.key, min(part.size, max(count - len(data), 0))) + padding(part.size)
        return (data + END)[:count]

    def read_range(self, key: str, at: int, count: int, etag: str) -> bytes:
        """A piece of an object; an image is put together for it."""
        parts = self._parts(key)
        if not parts:
            return self.inner.read_range(key, at, count, etag)
        if _joined(parts).etag != etag:
            raise StoreError("A part of an image changed.", Reason.SOURCE_CHANGED)
        with self.fetch(key) as path, path.open("rb") as file:
            file.seek(at)
            return file.read(count)

    @contextmanager
    def fetch(self, key: str) -> Iterator[Path]:
        """A local file; of a joined image a temporary one."""
        parts = self._parts(key)
        if not parts:
            with self.inner.fetch(key) as path:
                yield path
            return
        with tempfile.TemporaryDirectory(prefix="deid-platform-") as folder:
            place = Path(folder, "joined.tar")
            self._join(parts, key, place)
            yield place

    def write(self, key: str, data: bytes) -> None:
        """As the store inside."""
        self.inner.write(key, data)

    def upload(self, source: Path, key: str) -> None:
        """As the store inside."""
        self.inner.upload(source, key)

    def delete(self, key: str) -> None:
        """As the store inside: of an image its first file, and the others become objects of their own."""
        self.inner.delete(key)

    def locate(self, key: str) -> str:
        """As the store inside."""
        return self.inner.locate(key)

    def _parts(self, key: str) -> Parts:
        found = self.inner.stat(key) if _is_slide(key) or _HEADER.fullmatch(key) else None
        return self._members(found) if found else ()

    def _members(self, found: StoredObject) -> Parts:
        """What an image is made of; nothing where an object stands for itself."""
        if _is_slide(found.key):
            return self._slide(found)
        named = _HEADER.fullmatch(found.key)
        image = self.inner.stat(named[1] + _IMAGES[named[2]] + (named[3] or "")) if named else None
        return (found, image) if image and _begins_a_pair(self.inner.head(found.key, _FIRST)) else ()

    def _slide(self, found: StoredObject) -> Parts:
        """What a slide is made of; nothing where there is no such folder."""
        folder = found.key[: -len(SUFFIX)] + "/"
        inside = [one for one in self.inner.list(folder) if _belongs(one.key.removeprefix(folder))]
        if not any(one.key == folder + INDEX_FILE for one in inside) or len(inside) > _MOST_MEMBERS:
            return ()
        inside.sort(key=lambda one: (one.key != folder + INDEX_FILE, one.key != folder + "Index.dat", one.key))
        return (found, *inside)

    def _join(self, parts: Parts, key: str, place: Path) -> None:
        with place.open("wb") as sink:
            for part in parts:
                sink.write(header(_name(part, key), part.size))
                with self.inner.fetch(part.key) as path, path.open("rb") as source:
                    begin = sink.tell()
                    shutil.copyfileobj(source, sink, 1 << 20)
                if sink.tell() - begin != part.size:
                    raise StoreError("A part of an image changed while it was read.", Reason.SOURCE_CHANGED)
                sink.write(padding(part.size))
            sink.write(END)


def _is_slide(key: str) -> bool:
    return key.lower().endswith(SUFFIX) and len(key) > len(SUFFIX)


def _begins_a_pair(head: bytes) -> bool:
    """Whether a file begins like a header of Analyze 7.5 or NIfTI: other kinds of images have ``.hdr`` files, too."""
    if head.startswith(b"\x1f\x8b"):
        try:
            head = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, 4)
        except zlib.error:
            return False
    return any(int.from_bytes(head[:4], order) in _SIZES for order in ("little", "big"))


def _belongs(name: str) -> bool:
    """Whether a file of a slide's folder, by its place in it, is one that slides have."""
    fits = len(name.encode("utf-8", "surrogatepass")) < LONGEST_NAME - len(_STEM) - 1
    return "/" not in name and name.lower().endswith((".dat", ".ini")) and fits


def _name(part: StoredObject, key: str) -> str:
    """What a part is called in the archive: the image's own name, which may name a person, is not told."""
    if not _is_slide(key):
        return PAIR[part.key != key]
    return _STEM + SUFFIX if part.key == key else f"{_STEM}/{part.key[len(key) - len(SUFFIX) + 1 :]}"


def _joined(parts: Parts) -> StoredObject:
    told = "\n".join(f"{part.key}\0{part.size}\0{part.etag}" for part in parts)
    etag = hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return StoredObject(parts[0].key, sum(part.size for part in parts), etag, max(part.modified for part in parts))
