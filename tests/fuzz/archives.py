"""Archives that went wrong at random, in a landing zone, and what must be true of what is found in them."""

from __future__ import annotations

import hashlib
import io
import tarfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import strategies as st

from deid_platform.errors import StoreError
from deid_platform.store import keys
from deid_platform.store.folder import FolderStore
from deid_platform.store.landing import as_landing
from deid_platform.store.protocol import Store
from tests.builders.archives import Raw, deflated, raw_zip, tarred, zipped
from tests.builders.mirax import Mirax
from tests.fuzz.others import SECONDS, Other, changed

BLOCK = 512
_NAMES = (
    "a", "b/c", "DOE JANE/1.dcm", "Müller/日本語.dcm", "x.zip", "leer/", "./d", "e", "f", "g", "h/i", "b", "../e", "/g",
    "C:\\f", "slide.mrxs", "slide/Slidedat.ini", "slide/Index.dat", "%41", "50%25", "n" * 300,
)  # fmt: skip
_FILES = {"a.dcm": bytes(3000), "DOE JANE/1.dcm": b"JANE DOE" * 60, "Müller/日本語.nii": b"voxels" * 99, "leer": b""}


@cache
def seeds() -> tuple[Other, ...]:
    """Good archives: stored, packed and wide; ustar, pax and GNU; one in another, and one that holds a slide."""
    inner = zipped({"b.dcm": b"JANE DOE"})
    slide = Mirax().members()
    parts = {f"DOE JANE/{name}" if name else "DOE JANE.mrxs": data for name, data in slide.items()}
    return (
        Other(zipped(_FILES), "drop.zip"),
        Other(zipped(_FILES | {"inner.zip": inner}, zipfile.ZIP_STORED), "drop.zip"),
        Other(raw_zip([Raw(b"a", wide=True), deflated(b"JANE DOE" * 99, b"b/c")], wide=True), "DROP.ZIP"),
        Other(zipped(parts), "drop.zip"),
        Other(tarred(_FILES, tarfile.USTAR_FORMAT), "drop.tar"),
        Other(tarred(_FILES | {"n" * 300: b"long"}, tarfile.PAX_FORMAT), "drop.tar"),
        Other(tarred(_FILES | {"n" * 300: b"long"}, tarfile.GNU_FORMAT), "drop.tar"),
        Other(tarred(parts), "drop.tar"),
    )


def archives() -> st.SearchStrategy[Other]:
    """Good archives with one to six changes, and those whose every field may lie."""
    mutated = st.builds(_mutated, st.integers(0, len(seeds()) - 1), st.randoms(use_true_random=False))
    return st.one_of(mutated, _lying_zips(), _lying_tars())


def _mutated(number: int, random: Random) -> Other:
    """Changes are made from either end, as the list of a ZIP archive is its last part; sums of TAR headers are set."""
    good = seeds()[number]
    backwards = random.random() < 0.5
    data = changed(good.data[::-1] if backwards else good.data, random)
    data = data[::-1] if backwards else data
    return Other(_summed(data) if good.name.endswith(".tar") and random.random() < 0.9 else data, good.name)


def _summed(data: bytes) -> bytes:
    """The archive with the right sum in all that looks like a header, so that not every change shows there."""
    blocks = [data[at : at + BLOCK] for at in range(0, len(data), BLOCK)]
    return b"".join(_with_sum(block) if block[257:262] == b"ustar" and len(block) == BLOCK else block
                    for block in blocks)  # fmt: skip


def _with_sum(block: bytes) -> bytes:
    return block[:148] + b"%06o\0 " % sum(block[:148] + b" " * 8 + block[156:]) + block[156:]


def _lying_zips() -> st.SearchStrategy[Other]:
    numbers = (0, 1, 4, 60, 1 << 16, 1 << 31, 0xFFFFFFFF)
    members = st.builds(
        Raw, _names(), st.sampled_from((b"bytes", b"bytes", b"", b"\3\0", b"PK\3\4" * 9)),
        _rarely(None, *numbers), _rarely(None, 1), _rarely(0, 8, 12), _rarely(0, 8, 0x20, 0x800), _rarely(0, 3),
        _rarely(0, 0o100644, 0o120777), _rarely(b"", b"\1\0\x08\0" + b"\xff" * 8), st.none(),
        _rarely(None, *numbers), st.booleans(),
    )  # fmt: skip
    return st.builds(
        lambda found, wide, count, behind: Other(raw_zip(found, wide=wide, count=count, behind=behind), "drop.zip"),
        st.lists(members, min_size=1, max_size=4), st.booleans(), _rarely(None, 0, 1, 3), _rarely(b"", b"PK\5\6"),
    )  # fmt: skip


def _lying_tars() -> st.SearchStrategy[Other]:
    sizes = _rarely(b"%011o\0" % 5, b"%011o\0" % 0, b"\x80" + bytes(10) + b"\5", b"\x80" + b"\xff" * 11,
                    b"\xff" * 12, b" 5 \0" + bytes(8), b"-5" + bytes(10))  # fmt: skip
    kinds = _rarely(b"0", b"\0", b"5", b"x", b"g", b"L", b"K", b"S", b"2", b"7")
    bodies = _rarely(b"bytes", b"17 path=DOE JANE\n", b"9 size=5\n", b"26 GNU.sparse.major=1.0.0\n", b"9 size=\xb2\n",
                     b"99999 a=b\n", b"11 size=-05\n")  # fmt: skip
    blocks = st.builds(_header, _names(), kinds, sizes, bodies)
    return st.lists(blocks, min_size=1, max_size=5).map(
        lambda found: Other(b"".join(found) + bytes(2 * BLOCK), "drop.tar"))


def _rarely(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    """One value in three of four cases, else one of the others."""
    return st.sampled_from((usual,) * 3 * len(others) + others)


def _names() -> st.SearchStrategy[bytes]:
    return st.sampled_from(_NAMES).map(str.encode)


def _header(name: bytes, kind: bytes, size: bytes, body: bytes) -> bytes:
    """A header whose size need not be its body's, and the body."""
    told = b"%011o\0" % len(body) if kind in b"xgLK" else size
    block = name[:100].ljust(124, b"\0") + told + bytes(20) + kind + bytes(100) + b"ustar\x0000"
    return _with_sum(block.ljust(BLOCK, b"\0")) + body.ljust(BLOCK, b"\0")


@dataclass(slots=True)
class ArchiveExamination:
    """Puts an archive into a landing zone; it is refused, or all that others read in it is found, in little time."""

    folder: Path
    seen: Counter[str] = field(default_factory=Counter)
    _number: int = 0

    def __call__(self, archive: Other) -> None:
        """Raise AssertionError when it is neither, or whatever error no one expects."""
        self._number += 1
        start = time.monotonic()
        place = self.folder / f"drop{self._number}"  # another one each time: what archives hold is remembered
        place.mkdir(parents=True)
        (place / archive.name).write_bytes(archive.data)
        try:
            self.seen[self._found(as_landing(FolderStore(str(place))), archive)] += 1
        finally:
            (place / archive.name).unlink()
        assert time.monotonic() - start < SECONDS

    def _found(self, landing: Store, archive: Other) -> str:
        listed = list(landing.list())
        names = [found.key for found in listed]
        assert names == sorted(set(names)), "keys are not in order, or one is there twice"
        read = {}
        for found in listed:
            keys.check(found.key)
            assert landing.stat(found.key) == found, "an object is told in two ways"
            read[found.key] = self._read(landing, found.key, found.size)
        if names == [archive.name]:
            return "refused" if read[archive.name] is None else "no archive"
        assert all(name.startswith(archive.name + "/") for name in names), "a member lies outside of its archive"
        refused = sum(digest is None for digest in read.values())
        if not any(name.lower().endswith(".mrxs") for name in names):  # parts of slides have become one object
            missed = Counter(_read_by_others(archive)) - Counter(read.values())
            assert missed.total() <= refused, "a member was lost"
        return "partly refused" if refused else "unpacked"

    def _read(self, landing: Store, key: str, size: int) -> str | None:
        """The SHA-256 of an object, None where it is refused."""
        told = ""
        data = None
        try:
            with landing.fetch(key) as path:
                data = path.read_bytes()
        except StoreError as error:
            told = str(error)
        assert not any(word in told for word in ("DOE", "JANE", "Müller")), "an error quotes a name"
        if data is None:
            return None
        assert landing.head(key, 99) == data[:99], "the beginning is another one"
        assert len(data) == size or key.lower().endswith(".mrxs"), "an object is of another size"
        return hashlib.sha256(data).hexdigest()


def _read_by_others(archive: Other) -> Iterator[str]:
    """SHA-256 of every member that Python's own readers make out."""
    reader = _tar_members if archive.name.endswith(".tar") else _zip_members
    with suppress(Exception):  # they are no match for broken archives
        for data in reader(io.BytesIO(archive.data)):
            yield hashlib.sha256(data).hexdigest()


def _tar_members(file: io.BytesIO) -> Iterator[bytes]:
    with tarfile.open(fileobj=file, mode="r:") as opened:
        for member in opened:
            data = opened.extractfile(member) if member.isreg() else None
            if data:
                yield data.read()


def _zip_members(file: io.BytesIO) -> Iterator[bytes]:
    with zipfile.ZipFile(file) as opened:
        for member in opened.infolist():
            if not member.is_dir():
                with suppress(zipfile.BadZipFile):
                    yield opened.read(member)
