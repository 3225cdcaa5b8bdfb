from __future__ import annotations

import base64
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from deid_platform.audit.mrxs import altered_levels, audit_file
from deid_platform.formats.mrxs.mrxs import Mrxs
from deid_platform.identity import Identity
from deid_platform.policy import load_policy
from tests.builders.mirax import Mirax

Members = dict[str, bytes]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.tar"
    path.write_bytes(Mirax().archive())
    return path


def changed(source: Path, change: Callable[[Members], Members]) -> Path:
    """The cleaned slide with members that were changed afterwards."""
    cleaned, output = source.with_name("cleaned.tar"), source.with_name("output.tar")
    Mrxs().scrub(source, cleaned, load_policy("research"), Identity(bytes(range(32))), "north/drop/x.mrxs")
    with tarfile.open(cleaned) as tar, tarfile.open(output, "w") as sink:
        members = {info.name: (tar.extractfile(info) or io.BytesIO()).read() for info in tar}
        for name, data in change(members).items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            sink.addfile(info, io.BytesIO(data))
    return output


def found(source: Path, change: Callable[[Members], Members]) -> set[tuple[str, str]]:
    return {(one.where, one.kind) for one in audit_file("item", source, changed(source, change))}


def put(suffix: str, data: Callable[[bytes], bytes]) -> Callable[[Members], Members]:
    return lambda members: {n: data(d) if n.endswith(suffix) else d for n, d in members.items()}


def test_a_clean_slide_passes(source: Path) -> None:
    assert found(source, lambda members: members) == set()


def test_an_original_is_told_of_in_every_place(source: Path) -> None:
    told = {(one.where, one.kind) for one in audit_file("item", source, source)}
    assert told >= {("name", "not_removed"), ("property", "not_removed"), ("Index.dat", "not_removed"),
                    ("Data file 0", "not_removed"), ("Data file 1", "not_removed"),
                    ("image label", "not_removed"), ("image macro", "not_removed")}  # fmt: skip


@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le", "utf-16-be", "base64"])
def test_a_value_is_found_in_any_member_and_encoding(source: Path, codec: str) -> None:
    name = "DOE JANE S20-4711"
    form = base64.b64encode(b"x" + name.encode()) if codec == "base64" else name.encode(codec)
    for suffix in (".mrxs", "Index.dat", "Data0001.dat", "Slidedat.ini"):
        addition = b"# " + form if suffix == "Slidedat.ini" else form
        assert ("object", "property_left") in found(source, put(suffix, lambda d, a=addition: d + a)) or (
            suffix == "Slidedat.ini" and codec.startswith("utf-16")
        )


def test_bytes_that_no_image_needs_are_found(source: Path) -> None:
    assert found(source, put("Data0001.dat", lambda data: data + b"\0\1")) == {("Data file 1", "not_removed")}
    assert found(source, put("Index.dat", lambda data: data + b"\0")) == {("Index.dat", "not_removed")}


def test_members_that_no_slide_has_are_found(source: Path) -> None:
    assert ("name", "not_removed") in found(source, lambda members: {**members, "notes.txt": b""})
    for name in ("../x", "/x", "a/b/c"):
        assert found(source, lambda members, n=name: {**members, n: b""}) == {("object", "unreadable")}


def test_other_pixels_are_found(source: Path) -> None:
    assert list(altered_levels(source, changed(source, lambda members: members))) == []
    other = source.with_name("other.tar")
    other.write_bytes(Mirax(form="PNG").archive())
    assert list(altered_levels(other, changed(source, lambda members: members))) == [("pixels", "altered")]
    other.write_bytes(b"no archive")
    assert list(altered_levels(other, source)) == [("pixels", "not_compared")]
