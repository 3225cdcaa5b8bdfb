"""What is read of ZIP archives, and what is refused."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
import zlib

import pytest

from deid_platform.errors import DeidError, MalformedFile
from deid_platform.model import Reason
from deid_platform.store.archives import zips
from deid_platform.store.archives.contents import Contents
from tests.builders.archives import ENCRYPTED, UTF_8, Raw, deflated, joined, raw_zip, zipped

FILES = {"a.dcm": bytes(300_000), "sub-01/anat/b.nii": b"voxels" * 999, "leer": b""}


def contents(data: bytes) -> Contents:
    return zips.contents(io.BytesIO(data), len(data))


def unpacked(data: bytes) -> dict[str, bytes]:
    found = contents(data)
    return {name: b"".join(zips.chunks(io.BytesIO(data), member)) for name, member in found.under("")}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_are_what_was_packed_in_the_order_of_their_names(method: int) -> None:
    assert unpacked(zipped(FILES, method)) == FILES
    assert contents(zipped(FILES)).names == tuple(sorted(FILES))


def test_an_archive_written_as_a_stream_is_read() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def tell(self) -> int:
            raise OSError

    sink = Pipe()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", b"bytes" * 99)
    assert unpacked(sink.getvalue()) == {"a": b"bytes" * 99}


def test_archives_in_the_form_of_large_ones_are_read() -> None:
    assert unpacked(raw_zip([Raw(b"a", wide=True), Raw(b"b")], wide=True)) == {"a": b"bytes", "b": b"bytes"}


def many(count: int) -> bytes:
    """An archive of so many empty members, all of one header; wide, as it must be from 65,536 on."""
    member = Raw(b"study/000000.dcm", b"")
    body, entry = member.local, member.entry(0)
    at = entry.index(member.name) - 4
    names = [b"study/%06d.dcm" % number for number in range(count)]
    listed = (entry[:at] + (len(body) * number).to_bytes(4, "little") + name for number, name in enumerate(names))
    return joined(body * count, b"".join(listed), count, wide=True)


def test_more_than_65535_members_are_found() -> None:
    found = contents(many(65_600))
    assert len(found) == 65_600
    assert found.names[-1] == "study/065599.dcm"


def test_the_list_of_an_archive_takes_little_memory() -> None:
    data = many(5_000)
    tracemalloc.start()
    found = contents(data)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 180 * len(found)
    assert peak < 650 * len(found)


@pytest.mark.parametrize(
    ("raw", "flags", "key"),
    [
        ("Müller/日本語.dcm".encode(), UTF_8, "Müller/日本語.dcm"),
        ("Müller".encode(), 0, "Müller"),
        (b"M\x81ller", 0, "Müller"),
        (b"M\xfcller", UTF_8, "M%FCller"),
        (b"./a//b/./c.dcm", 0, "a/b/c.dcm"),
        (b"study\\series\\1.dcm", 0, "study/series/1.dcm"),
        (b"50%25", 0, "50%2525"),
    ],
)
def test_names_in_any_script_become_keys(raw: bytes, flags: int, key: str) -> None:
    assert unpacked(raw_zip([Raw(raw, flags=flags)])) == {key: b"bytes"}


@pytest.mark.parametrize(
    "name",
    [b"../a", b"a/../../b", b"/etc/passwd", b"..\\a", b"\\\\host\\share", b"C:\\a", b"c:a", b"a\0b", b"", b".",
     b"x" * 5000],
)  # fmt: skip
def test_a_name_that_leads_elsewhere_condemns_the_archive(name: bytes) -> None:
    with pytest.raises(MalformedFile, match="leads out of it") as told:
        contents(raw_zip([Raw(b"good"), Raw(name)]))
    assert b"passwd" not in str(told.value).encode()


def test_folders_are_no_members() -> None:
    assert unpacked(raw_zip([Raw(b"a/", b""), Raw(b"b\\", b""), Raw(b"a/b")])) == {"a/b": b"bytes"}


def overlapping() -> bytes:
    kernel = deflated(bytes(1 << 20))
    first = Raw(b"a", kernel.packed, 1 << 20, kernel.crc, method=8)
    return raw_zip([first, *(Raw(f"b{number}".encode(), b"", 1 << 20, at=0) for number in range(9))])


ARCHIVES = {
    "torn": (zipped(FILES)[:-400], Reason.TRUNCATED),
    "torn in its end": (zipped(FILES)[:-3], Reason.TRUNCATED),
    "bytes behind": (raw_zip([Raw()], behind=b"more"), Reason.TRUNCATED),
    "nothing in it": (raw_zip([]), Reason.EMPTY),
    "only folders": (raw_zip([Raw(b"a/", b"")]), Reason.EMPTY),
    "two of a name": (raw_zip([Raw(), Raw()]), Reason.MALFORMED),
    "two of a key": (raw_zip([Raw(b"a/b"), Raw(b"a\\b")]), Reason.MALFORMED),
    "file and folder": (raw_zip([Raw(b"a"), Raw(b"a/b")]), Reason.MALFORMED),
    "overlap": (overlapping(), Reason.MALFORMED),
    "behind the list": (raw_zip([Raw(at=1 << 20)]), Reason.MALFORMED),
    "encrypted": (raw_zip([Raw(b"b"), Raw(flags=ENCRYPTED)]), Reason.ENCRYPTED),
    "bomb": (raw_zip([Raw(f"{i}".encode(), size=1 << 28) for i in range(5)]), Reason.TOO_LARGE),
    "too many": (raw_zip([Raw()], count=0xFFFE, wide=False), Reason.TRUNCATED),
    "far too many": (raw_zip([Raw()], count=1 << 40, wide=True), Reason.TOO_LARGE),
    "fewer than there are": (raw_zip([Raw(b"a"), Raw(b"b")], count=1), Reason.MALFORMED),
    "split": (raw_zip([Raw()])[:-18] + struct.pack("<4H2LH", 1, 1, 1, 1, 51, 40, 0), Reason.MALFORMED),
    "list elsewhere": (b"PK\3\4" + raw_zip([Raw()]), Reason.MALFORMED),
}


@pytest.mark.parametrize(("data", "reason"), list(ARCHIVES.values()), ids=list(ARCHIVES))
def test_a_bad_archive_is_refused_with_its_reason(data: bytes, reason: Reason) -> None:
    with pytest.raises(MalformedFile) as told:
        contents(data)
    assert told.value.reason is reason


MEMBERS = {
    "checksum": (Raw(crc=1), Reason.MALFORMED),
    "longer than told": (Raw(packed=deflated(bytes(5000)).packed, size=4, method=8), Reason.MALFORMED),
    "shorter than told": (Raw(size=9), Reason.MALFORMED),
    "broken stream": (Raw(packed=b"\xff" * 40, size=40, method=8), Reason.MALFORMED),
    "stream without end": (Raw(packed=deflated(bytes(range(256))).packed[:-1], size=256, method=8), Reason.MALFORMED),
    "bytes behind the stream": (deflated(b"data", behind=b"hidden"), Reason.MALFORMED),
    "many bytes behind the stream": (deflated(b"data", behind=bytes(1 << 21)), Reason.MALFORMED),
    "other method": (Raw(method=12), Reason.UNSUPPORTED_FORMAT),
    "method told twice": (Raw(method=0, local_method=8), Reason.MALFORMED),
    "link": (Raw(host=3, mode=0o120777), Reason.UNSUPPORTED_FORMAT),
    "device": (Raw(host=3, mode=0o060666), Reason.UNSUPPORTED_FORMAT),
    "bomb": (Raw(packed=b"x", size=(1 << 30) + 1, method=8), Reason.TOO_LARGE),
}  # fmt: skip


@pytest.mark.parametrize(("bad", "reason"), list(MEMBERS.values()), ids=list(MEMBERS))
def test_a_bad_member_is_refused_and_the_others_are_read(bad: Raw, reason: Reason) -> None:
    data = raw_zip([bad, Raw(b"room", b"x" * (6 << 20)), Raw(b"z.bin", b"good")])
    found = contents(data)
    member, good = found.find("a.bin"), found.find("z.bin")
    assert member is not None
    assert good is not None
    with pytest.raises(DeidError) as told:
        list(zips.chunks(io.BytesIO(data), member))
    assert told.value.reason is reason
    assert b"".join(zips.chunks(io.BytesIO(data), good)) == b"good"


def test_a_header_that_reaches_into_the_next_member_is_refused() -> None:
    data = raw_zip([Raw(), Raw(b"b.bin")])
    data = data.replace(struct.pack("<2H", 5, 0) + b"a.bin", struct.pack("<2H", 5, 9) + b"a.bin", 1)
    member = contents(data).find("a.bin")
    assert member is not None
    with pytest.raises(MalformedFile):
        list(zips.chunks(io.BytesIO(data), member))


def test_a_member_that_is_longer_than_told_is_not_unpacked_to_its_end() -> None:
    lying = Raw(packed=deflated(bytes(64 << 20)).packed, size=1000, method=8)
    data = raw_zip([lying])
    member = contents(data).find("a.bin")
    assert member is not None
    tracemalloc.start()
    with pytest.raises(MalformedFile):
        list(zips.chunks(io.BytesIO(data), member))
    assert tracemalloc.get_traced_memory()[1] < 8e6
    tracemalloc.stop()


def test_no_cut_is_taken_for_an_archive() -> None:
    data = zipped({"a": b"bytes" * 40, "b": b"more"}, zipfile.ZIP_STORED)
    for cut in range(len(data)):
        with pytest.raises(MalformedFile):
            contents(data[:cut])


def test_any_byte_may_be_wrong_without_another_error() -> None:
    good = zipped({"a/b": b"bytes" * 9, "c": b"more"})
    for place in range(len(good)):
        data = bytearray(good)
        data[place] ^= 0xFF
        try:
            found = unpacked(bytes(data))
        except DeidError:
            continue
        assert set(map(zlib.crc32, found.values())) == {zlib.crc32(b"bytes" * 9), zlib.crc32(b"more")}
