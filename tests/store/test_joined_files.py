from __future__ import annotations

import gzip
import io
import pickle
import tarfile
import time
from pathlib import Path

import pytest

from deid_platform.errors import StoreError
from deid_platform.model import Reason
from deid_platform.store.landing import as_landing
from deid_platform.store.protocol import Store
from tests.builders.mirax import Mirax
from tests.builders.nifti import analyze_bytes, ramp

KEY = "north/drop/Doe Jane.mrxs"
FOLDER = "north/drop/Doe Jane/"


def filled(store: Store) -> Store:
    for name, content in Mirax().members().items():
        store.write(FOLDER + name if name else KEY, content)
    return store


def test_file_and_folder_are_one_object(store: Store) -> None:
    filled(store)
    store.write("north/drop/a.dcm", b"a")
    store.write("north/drop/Doe Jane.mrxs.txt", b"between")
    store.write(FOLDER + "notes.txt", b"no part of any slide")
    store.write(FOLDER + "deeper/Data0000.dat", b"neither")
    landing = as_landing(store)
    found = list(landing.list("north/drop/"))
    assert [one.key for one in found] == [
        KEY, "north/drop/Doe Jane.mrxs.txt", FOLDER + "deeper/Data0000.dat", FOLDER + "notes.txt", "north/drop/a.dcm",
    ]  # fmt: skip
    assert found[0].size == sum(map(len, Mirax().members().values()))
    assert landing.stat(KEY) == found[0]
    assert next(iter(landing.within("north/drop").list())).key == "Doe Jane.mrxs"


def test_its_bytes_are_an_archive_that_is_the_same_every_time(store: Store) -> None:
    landing = as_landing(filled(store))
    with landing.fetch(KEY) as path:
        first = path.read_bytes()
    assert not path.exists()
    with pickle.loads(pickle.dumps(landing)).fetch(KEY) as again:  # noqa: S301 - our own bytes
        assert again.read_bytes() == first == landing.read(KEY)
    members = Mirax().members()
    with tarfile.open(fileobj=io.BytesIO(first)) as tar:
        assert tar.getnames() == ["slide.mrxs", *(f"slide/{name}" for name in list(members)[1:])]
        for info, content in zip(tar, members.values(), strict=True):
            member = tar.extractfile(info)
            assert member is not None
            assert (member.read(), info.mtime, info.uname) == (content, 0, "")
    for count in (0, 1, 511, 512, 600, 4096, len(first) - 1, len(first), len(first) + 9):
        assert landing.head(KEY, count) == first[:count]


@pytest.mark.parametrize(("header", "image"), [
    ("Doe Jane.hdr", "Doe Jane.img"), ("DOE.HDR", "DOE.IMG"), ("a.hdr.gz", "a.img.gz"),
])  # fmt: skip
def test_a_header_and_its_image_are_one_object(store: Store, header: str, image: str) -> None:
    told, voxels = analyze_bytes(ramp(6, 5, 4))
    pack = gzip.compress if header.endswith(".gz") else bytes
    for name, data in ((header, pack(told)), (image, pack(voxels)), ("other.img", b"alone"), ("other.hdr", b"ENVI")):
        store.write(f"drop/{name}", data)
    landing = as_landing(store)
    assert {one.key for one in landing.list()} == {f"drop/{name}" for name in (header, "other.img", "other.hdr")}
    with landing.fetch(f"drop/{header}") as path:
        first = path.read_bytes()
    with tarfile.open(fileobj=io.BytesIO(first)) as tar:
        assert tar.getnames() == ["pair.hdr", "pair.img"]
    for count in (1, 600, 4096, len(first)):
        assert landing.head(f"drop/{header}", count) == first[:count]


def test_the_tag_changes_with_every_part(store: Store) -> None:
    landing = as_landing(filled(store))
    seen = set()
    for name in ("", "Index.dat", "Data0001.dat"):
        time.sleep(0.02)
        store.write(FOLDER + name if name else KEY, b"other" + name.encode())
        found = landing.stat(KEY)
        assert found is not None
        seen.add(found.etag)
    assert len(seen) == 3


@pytest.mark.parametrize("gone", [KEY, FOLDER + "Slidedat.ini"])
def test_what_is_no_whole_slide_stays_as_it_lies(store: Store, gone: str) -> None:
    filled(store).delete(gone)
    landing = as_landing(store)
    assert list(landing.list()) == list(store.list())
    for found in store.list():
        assert landing.stat(found.key) == found
        assert landing.head(found.key, 3) == store.head(found.key, 3)
        assert landing.read(found.key) == store.read(found.key)


def test_a_part_that_vanishes_while_it_is_read_is_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    landing = as_landing(filled(store))
    parts = list(store.list(FOLDER))
    store.write(parts[0].key, b"shorter")
    monkeypatch.setattr(type(store), "list", lambda self, prefix="": iter(parts))
    with pytest.raises(StoreError) as told, landing.fetch(KEY):
        pass
    assert told.value.reason is Reason.SOURCE_CHANGED


def test_what_is_not_there_is_told_as_the_store_inside_tells_it(tmp_path: Path, store: Store) -> None:
    landing = as_landing(store)
    landing.write("a.mrxs", b"alone")
    with landing.fetch("a.mrxs") as path:
        assert path.read_bytes() == b"alone"
    landing.upload(Path(__file__), "b.txt")
    assert list(landing.folders()) == list(store.folders())
    assert landing.locate("b.txt") == store.locate("b.txt")
    landing.delete("a.mrxs")
    assert landing.stat("a.mrxs") is None
    with pytest.raises(StoreError):
        landing.head("a.mrxs", 4)
