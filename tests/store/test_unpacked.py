"""Members of archives as objects of the landing zone."""

from __future__ import annotations

import pickle

import pytest

from deid_platform.errors import StoreError
from deid_platform.model import Reason
from deid_platform.store.landing import as_landing, named
from deid_platform.store.protocol import Store
from tests.builders.archives import ENCRYPTED, Raw, raw_zip, tarred, zipped
from tests.builders.mirax import Mirax

KEY = "north/drop/Doe Jane.zip"
FILES = {"b/2.dcm": b"second" * 5000, "a.dcm": b"first", "Müller.nii": b""}


def test_members_lie_among_other_objects_in_the_order_of_keys(store: Store) -> None:
    loose = ("north/drop/Doe Jane.zip.txt", "north/drop/Doe Jane.zipped/x", "north/drop/a", "south/z")
    for key in loose:
        store.write(key, b"loose")
    store.write(KEY, zipped(FILES))
    landing = as_landing(store)
    found = [one.key for one in landing.list()]
    assert found == sorted([*loose, *(f"{KEY}/{name}" for name in FILES)])
    assert [one.key for one in landing.list(f"{KEY}/b")] == [f"{KEY}/b/2.dcm"]
    assert next(iter(landing.within("north/drop").list())).key == "Doe Jane.zip.txt"
    assert landing.stat(KEY) is None
    assert [one.key for one in named(landing, KEY)] == [key for key in found if key.startswith(f"{KEY}/")]
    assert [one.key for one in named(landing, "north/drop/a")] == ["north/drop/a"]


def test_a_member_is_read_like_any_object(store: Store) -> None:
    store.write(KEY, zipped(FILES))
    landing = pickle.loads(pickle.dumps(as_landing(store)))  # noqa: S301 - our own bytes
    for name, content in FILES.items():
        key = f"{KEY}/{name}"
        found = landing.stat(key)
        assert (found.key, found.size) == (key, len(content))
        with landing.fetch(key) as path:
            assert path.read_bytes() == content == landing.read(key)
        assert not path.exists()
        assert landing.head(key, 9) == content[:9]
        assert landing.read_range(key, 3, 4, found.etag) == content[3:7]
        with pytest.raises(StoreError) as told:
            landing.read_range(key, 3, 4, "another")
        assert told.value.reason is Reason.SOURCE_CHANGED
    assert landing.stat(f"{KEY}/none") is None


def test_a_tar_archive_is_one_too_but_a_slide_in_one_is_an_item(store: Store) -> None:
    store.write("drop.tar", tarred(FILES))
    store.write("slide.mrxs.tar", tarred(FILES))
    landing = as_landing(store)
    found = [*(f"drop.tar/{name}" for name in sorted(FILES)), "slide.mrxs.tar"]
    assert [one.key for one in landing.list()] == found
    assert landing.read("drop.tar/b/2.dcm") == FILES["b/2.dcm"]
    assert landing.read("slide.mrxs.tar") == tarred(FILES)


def test_a_changed_archive_has_changed_members(store: Store) -> None:
    landing = as_landing(store)
    etags = set()
    for content in (b"one", b"two"):
        store.write(KEY, zipped({"same": b"same", "other": content}))
        assert landing.read(f"{KEY}/other") == content
        etags.add(next(iter(landing.list(f"{KEY}/same"))).etag)
    assert len(etags) == 2


@pytest.mark.parametrize(
    ("data", "reason"),
    [(zipped(FILES)[:-9], Reason.TRUNCATED), (raw_zip([Raw(flags=ENCRYPTED)]), Reason.ENCRYPTED),
     (raw_zip([Raw(b"../Doe")]), Reason.MALFORMED)],
)  # fmt: skip
def test_an_archive_that_is_not_unpacked_stays_an_object_and_says_why(
    store: Store, data: bytes, reason: Reason
) -> None:
    store.write(KEY, data)
    landing = as_landing(store)
    assert [one.key for one in landing.list()] == [KEY]
    with pytest.raises(StoreError) as told, landing.fetch(KEY):
        pass
    assert told.value.reason is reason
    assert "Doe" not in str(told.value)


def test_what_is_only_called_an_archive_is_left_alone(store: Store) -> None:
    store.write(KEY, b"no archive")
    with as_landing(store).fetch(KEY) as path:
        assert path.read_bytes() == b"no archive"


def test_a_folder_of_the_name_of_an_archive_is_kept_apart(store: Store) -> None:
    # A folder of a file's name exists on S3 alone.
    store.write(KEY, zipped(FILES))
    try:
        store.write(f"{KEY}/a.dcm", b"loose")
    except (StoreError, OSError):
        return
    landing = as_landing(store)
    assert [one.key for one in landing.list()] == [KEY, f"{KEY}/a.dcm"]
    assert landing.read(f"{KEY}/a.dcm") == b"loose"
    with pytest.raises(StoreError, match="rename one of them"), landing.fetch(KEY):
        pass


def test_a_slide_of_several_files_is_one_object_in_an_archive_too(store: Store) -> None:
    members = {f"Roe/{name}" if name else "Roe.mrxs": content for name, content in Mirax().members().items()}
    store.write(KEY, zipped(members))
    landing = as_landing(store)
    assert [one.key for one in landing.list()] == [f"{KEY}/Roe.mrxs"]
    with landing.fetch(f"{KEY}/Roe.mrxs") as path:
        assert path.stat().st_size > sum(map(len, members.values()))
