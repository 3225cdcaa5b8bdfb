from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from deid_platform.errors import MalformedFile
from deid_platform.model import Reason
from deid_platform.tar import END, Member, first_name, header, members, padding


def archive(*files: tuple[str, bytes]) -> bytes:
    return b"".join(header(name, len(data)) + data + padding(len(data)) for name, data in files) + END


def read(tmp_path: Path, data: bytes, most: int = 9) -> dict[str, Member]:
    tmp_path.joinpath("a.tar").write_bytes(data)
    with tmp_path.joinpath("a.tar").open("rb") as file:
        return members(file, most)


def test_archives_are_read_by_others_and_by_this(tmp_path: Path) -> None:
    data = archive(("é.mrxs", b"one"), ("x/b", b""), ("x/c", bytes(1024)))
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        told = [(info.name, info.size, info.mtime) for info in tar]
    assert told == [("é.mrxs", 3, 0), ("x/b", 0, 0), ("x/c", 1024, 0)]
    assert read(tmp_path, data) == {"é.mrxs": Member(512, 3), "x/b": Member(1536, 0), "x/c": Member(2048, 1024)}
    assert first_name(data) == "é.mrxs"
    assert first_name(b"\xff\xd8" + bytes(600)) is None


def test_files_of_more_than_eight_gigabytes_are_told_as_gnu_tar_does() -> None:
    assert tarfile.TarInfo.frombuf(header("x", 1 << 34), "utf-8", "strict").size == 1 << 34


def linked(kind: bytes) -> bytes:
    info = tarfile.TarInfo("x")
    info.type, info.linkname = kind, "/etc/passwd"
    return info.tobuf(tarfile.GNU_FORMAT) + END


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (archive(("x", bytes(700)))[:900], Reason.TRUNCATED),
        (archive(("x", b"a"))[:1024], Reason.TRUNCATED),
        (archive(("x", b"a"), ("x", b"b")), Reason.MALFORMED),
        (archive(*((str(n), b"") for n in range(10))), Reason.MALFORMED),
        (header("x", 1)[:300] + b"?" + header("x", 1)[301:] + END, Reason.MALFORMED),
        (linked(tarfile.SYMTYPE), Reason.MALFORMED),
        (linked(tarfile.GNUTYPE_LONGNAME), Reason.MALFORMED),
        (linked(tarfile.XHDTYPE), Reason.MALFORMED),
        (header("x", 1 << 60) + END, Reason.TRUNCATED),
    ],
)
def test_what_is_no_plain_archive_is_refused(tmp_path: Path, data: bytes, reason: Reason) -> None:
    with pytest.raises(MalformedFile) as told:
        read(tmp_path, data)
    assert told.value.reason is reason
