"""What is read of TAR archives, and what is refused."""

from __future__ import annotations

import io
import tarfile

import pytest

from deid_platform.errors import DeidError, MalformedFile, UnsupportedFormat
from deid_platform.model import Reason
from deid_platform.store.archives import tars
from deid_platform.store.archives.contents import Contents
from tests.builders.archives import tarred

LONG = "a" * 90 + "/" + "b" * 90 + "/" + "c" * 120 + ".dcm"
FILES = {"a.dcm": bytes(70_000), LONG: b"long", "Müller/日本語.nii": b"voxels" * 99, "leer": b""}
FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def special(name: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"
    return info


def contents(data: bytes) -> Contents:
    return tars.contents(io.BytesIO(data), len(data))


def unpacked(data: bytes) -> dict[str, bytes]:
    found = contents(data)
    return {name: b"".join(tars.chunks(io.BytesIO(data), member)) for name, member in found.under("")}


@pytest.mark.parametrize("kind", FORMATS)
def test_members_are_what_was_packed(kind: str) -> None:
    files = {name: data for name, data in FILES.items() if kind != "ustar" or len(name) < 255}
    data = tarred(files, FORMATS[kind], special("folder", tarfile.DIRTYPE))
    assert tars.begins(data)
    assert unpacked(data) == files


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_what_is_no_plain_file_is_refused_and_the_others_are_read(kind: bytes) -> None:
    data = tarred({"a": b"good"}, tarfile.PAX_FORMAT, special("b", kind))
    found = contents(data)
    good, bad = found.find("a"), found.find("b")
    assert good is not None
    assert bad is not None
    assert b"".join(tars.chunks(io.BytesIO(data), good)) == b"good"
    with pytest.raises(UnsupportedFormat):
        list(tars.chunks(io.BytesIO(data), bad))


@pytest.mark.parametrize("name", ["../a", "/etc/passwd", "a/../../b", "C:\\a", "a\\b"])
def test_a_name_that_leads_elsewhere_condemns_the_archive(name: str) -> None:
    with pytest.raises(MalformedFile, match="leads out of it"):
        contents(tarred({"good": b"", name: b"x"}))


@pytest.mark.parametrize("files", [{}, {"a": b"1", "./a": b"2"}, {"a": b"1", "a/b": b"2"}])
def test_no_file_or_two_of_a_name_condemn_it(files: dict[str, bytes]) -> None:
    with pytest.raises(MalformedFile):
        contents(tarred(files))


def test_two_archives_in_one_are_refused_so_that_none_is_lost() -> None:
    with pytest.raises(MalformedFile, match="follows"):
        contents(tarred({"a": b"1"}) + tarred({"b": b"2"}))


def test_no_cut_is_taken_for_an_archive() -> None:
    data = tarred({"a": b"bytes" * 400, "b": b"more"})
    whole = data.rstrip(b"\0")
    for cut in range(0, len(whole), 97):
        with pytest.raises(MalformedFile) as told:
            contents(data[:cut])
        assert told.value.reason in (Reason.TRUNCATED, Reason.MALFORMED)


def test_any_byte_may_be_wrong_without_another_error() -> None:
    good = tarred({LONG: b"bytes" * 9, "c": b"more"})
    for place in range(len(good.rstrip(b"\0"))):
        data = bytearray(good)
        data[place] ^= 0xFF
        try:
            unpacked(bytes(data))
        except DeidError:
            continue
