"""What every store promises, asked of each of them."""

from __future__ import annotations

import hashlib
import multiprocessing
import pickle
import traceback
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from deid_platform.errors import StoreError
from deid_platform.model import Reason
from deid_platform.store.folder import FolderStore
from deid_platform.store.protocol import Store
from deid_platform.store.s3 import S3Store
from tests.builders.failing_store import FailingStore

NAME = "DOE^JANE"
# A line break is tried in test_folder.py only: the S3 server of these tests has no route for it.
ODD_KEYS = [
    "-rf",
    "100%",
    "50%2525.dcm",
    "a b/c d.dcm",
    "q?x=1&y#z",
    "sub/ leading and trailing ",
    "tab\tand\\back",
    "x" * 255,
    "à/é.dcm",
    "\ufffd",
    "\U0001f9e0.nii",
]
BAD_KEYS = ["", "/absolute", "a//b", "a/", "..", "../up", "a/../../b", "./a", "a/.", "nul\0byte", "half\ud800"]
CALLS: dict[str, Callable[[Store, str], object]] = {
    "stat": lambda store, key: store.stat(key),
    "read": lambda store, key: store.read(key),
    "head": lambda store, key: store.head(key, 1),
    "fetch": lambda store, key: store.fetch(key).__enter__(),
    "write": lambda store, key: store.write(key, b""),
    "upload": lambda store, key: store.upload(Path(__file__), key),
    "delete": lambda store, key: store.delete(key),
    "locate": lambda store, key: store.locate(key),
    "within": lambda store, key: store.within(key),
}


def keys(store: Store, prefix: str = "") -> list[str]:
    return [found.key for found in store.list(prefix)]


def missing_store(store: Store) -> Store:
    if isinstance(store, FolderStore):
        return replace(store, root=f"{store.root}/absent")
    assert isinstance(store, S3Store)
    return replace(store, bucket="absent-bucket")


def test_what_is_written_is_read(store: Store) -> None:
    store.write("a/b.json", b"{}")
    assert store.read("a/b.json") == b"{}"


@pytest.mark.parametrize(("data", "count", "expected"), [(b"abcdef", 4, b"abcd"), (b"ab", 4, b"ab"), (b"", 4, b"")])
def test_the_head_of_an_object_is_read_without_the_rest(store: Store, data: bytes, count: int, expected: bytes) -> None:
    store.write("object", data)
    assert store.head("object", count) == expected


def test_a_second_write_replaces_the_first(store: Store) -> None:
    store.write("a", b"first")
    store.write("a", b"2nd")
    assert store.read("a") == b"2nd"
    assert keys(store) == ["a"]


def test_objects_are_listed_in_the_order_of_code_points(store: Store) -> None:
    unordered = ["a0", "a/b", "a-b/x", "a.txt", "a!", "B", "é", "\U0001f9e0", "\ufffd", "a/\U0001f9e0", "a/\uffee", "z"]
    for key in unordered:
        store.write(key, b"")
    assert keys(store) == sorted(unordered)


def test_a_prefix_selects_by_the_letters_of_the_key(store: Store) -> None:
    for key in ("landing/ab/1", "landing/abc", "landing/b", "other/ab"):
        store.write(key, b"")
    assert keys(store, "landing/ab") == ["landing/ab/1", "landing/abc"]
    assert keys(store, "landing/ab/") == ["landing/ab/1"]
    assert keys(store, "landing/abc/") == []
    assert keys(store, "nothing/here/") == []


def test_a_listing_describes_objects_as_stat_does(store: Store) -> None:
    store.write("a/b", b"12345")
    (listed,) = store.list()
    described = store.stat("a/b")
    assert described is not None
    assert (listed.key, listed.size, listed.etag) == (described.key, 5, described.etag)
    assert int(listed.modified) == int(described.modified)


def test_the_etag_changes_with_the_object_even_if_the_size_does_not(store: Store) -> None:
    store.write("a", b"one")
    before = store.stat("a")
    store.write("a", b"two")
    after = store.stat("a")
    assert before is not None
    assert after is not None
    assert len({before.etag, after.etag, ""}) == 3
    assert not before.etag.startswith('"')


def test_stat_of_nothing_is_none(store: Store) -> None:
    store.write("a/b", b"")
    assert store.stat("absent") is None
    assert store.stat("a") is None
    assert store.stat("a/b/c") is None


def test_folders_are_named_without_slashes_in_the_order_of_the_listing(store: Store) -> None:
    for key in ("top", "b/x/1", "a/1", "a/2", "a-b/1", "é/1", "b/y/z/1", "b/file"):
        store.write(key, b"")
    assert list(store.folders()) == ["a-b", "a", "b", "é"]
    assert list(store.folders("b/")) == ["x", "y"]
    assert list(store.folders("absent/")) == []


def test_folders_under_a_prefix_without_a_slash_are_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="add the slash"):
        list(store.folders("b"))


def test_deleting_what_is_not_there_is_no_error(store: Store) -> None:
    store.write("a/b", b"")
    store.delete("a/b")
    store.delete("a/b")
    store.delete("a")
    store.delete("never/was")
    assert keys(store) == []


def test_a_part_of_a_store_counts_keys_from_its_folder(store: Store) -> None:
    store.write("raw/batch/manifest", b"old")
    store.write("rawer/x", b"")
    for part in (store.within("raw"), store.within("raw/"), store.within("").within("raw/")):
        assert keys(part) == ["batch/manifest"]
    deep = store.within("raw").within("batch")
    deep.write("manifest", b"new")
    assert store.read("raw/batch/manifest") == b"new"
    assert list(store.within("raw").folders()) == ["batch"]
    assert deep.locate("manifest") == store.locate("raw/batch/manifest")
    assert keys(store.within("absent")) == []


def test_a_fetched_file_has_the_bytes_and_the_store_keeps_the_object(store: Store) -> None:
    store.write("a", b"bytes")
    with store.fetch("a") as path:
        assert path.read_bytes() == b"bytes"
    assert store.read("a") == b"bytes"


def test_an_empty_object_is_an_object(store: Store) -> None:
    store.write("empty", b"")
    with store.fetch("empty") as path:
        assert path.read_bytes() == b""
    assert [found.size for found in store.list()] == [0]


def test_a_fetch_leaves_no_temporary_file(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    store.write("a", b"bytes")
    with pytest.raises(RuntimeError, match="the reader's own"), store.fetch("a"):
        raise RuntimeError("the reader's own")
    with pytest.raises(StoreError), store.fetch("absent"):
        pass
    assert list(scratch.iterdir()) == []


def test_errors_of_the_reader_pass_a_fetch_unchanged(store: Store) -> None:
    store.write("a", b"bytes")
    error = FileNotFoundError("the reader's own")
    with pytest.raises(FileNotFoundError) as caught, store.fetch("a"):
        raise error
    assert caught.value is error


def test_a_large_upload_arrives_whole_and_the_caller_keeps_the_file(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "large"
    source.write_bytes(b"".join(hashlib.sha256(bytes([i % 256])).digest() * 1024 for i in range(600)))
    store.upload(source, "released/large")
    with store.fetch("released/large") as path:
        assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(source.read_bytes()).digest()


def test_an_upload_that_cannot_be_read_leaves_the_old_object(store: Store, tmp_path: Path) -> None:
    store.write("a", b"old")
    for source in (tmp_path / NAME, tmp_path):
        with pytest.raises(StoreError) as caught:
            store.upload(source, "a")
        assert NAME not in str(caught.value)
    assert store.read("a") == b"old"
    assert keys(store) == ["a"]


@pytest.mark.parametrize("key", ODD_KEYS, ids=ascii)
def test_odd_names_survive(store: Store, key: str) -> None:
    store.write(key, b"bytes")
    assert keys(store) == [key]
    assert store.read(key) == b"bytes"
    found = store.stat(key)
    assert found is not None
    assert found.key == key
    store.delete(key)
    assert keys(store) == []


@pytest.mark.parametrize("key", BAD_KEYS, ids=ascii)
def test_a_key_that_is_none_is_not_written(store: Store, key: str) -> None:
    for call in ("write", "upload"):
        with pytest.raises(StoreError, match="A key of the store"):
            CALLS[call](store, key)


@pytest.mark.parametrize("call", list(CALLS))
def test_no_call_leaves_the_store(store: Store, call: str) -> None:
    for key in ("..", "../up", "a/../../b", "nul\0byte", "half\ud800"):
        with pytest.raises(StoreError, match="A key of the store"):
            CALLS[call](store, key)


@pytest.mark.parametrize("call", ["read", "fetch"])
def test_reading_what_is_gone_says_so_and_names_no_key(store: Store, call: str) -> None:
    with pytest.raises(StoreError) as caught:
        CALLS[call](store, f"landing/{NAME}/1.dcm")
    assert caught.value.reason is Reason.SOURCE_CHANGED
    assert NAME not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("call", [name for name in CALLS if name != "within"])
def test_no_error_names_a_key(store: Store, call: str) -> None:
    with pytest.raises(StoreError) as caught:
        CALLS[call](store, f"landing/{NAME}/\0")
    assert NAME not in "".join(traceback.format_exception(caught.value))


def test_a_store_that_is_not_there_is_reported_when_required(store: Store) -> None:
    store.require()
    with pytest.raises(StoreError, match="cannot be listed"):
        missing_store(store).require()


def test_a_copy_is_equal_and_works(store: Store) -> None:
    store.write("a", b"bytes")
    copy: Store = pickle.loads(pickle.dumps(store))  # noqa: S301
    assert copy == store
    assert copy.read("a") == b"bytes"


def test_a_worker_process_gets_a_working_copy(store: Store) -> None:
    store.write("a", b"bytes")
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("forkserver")) as pool:
        assert pool.submit(store.read, "a").result() == b"bytes"
        assert pool.submit(pickle.dumps, store).result() == pickle.dumps(store)


def test_readers_see_one_whole_object_while_threads_replace_it(store: Store) -> None:
    versions = [bytes([letter]) * 50_000 for letter in b"abcd"]
    store.write("a", versions[0])

    def work(number: int) -> bytes:
        if number % 2:
            store.write("a", versions[number % len(versions)])
        return store.read("a")

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(work, range(24))) <= set(versions)
    assert keys(store) == ["a"]


def test_a_place_can_be_shown_to_a_person(store: Store) -> None:
    assert store.locate("raw/é.parquet").endswith("store/raw/é.parquet")


@pytest.mark.parametrize("after", [False, True])
def test_a_failing_store_fails_where_told_also_in_its_parts_and_copies(
    store: Store, tmp_path: Path, after: bool
) -> None:
    failing = FailingStore(store, tmp_path / "count", first=2, last=3, after=after)
    copy: FailingStore = pickle.loads(pickle.dumps(failing))  # noqa: S301
    failing.write("1", b"")
    with pytest.raises(StoreError):
        copy.within("part").write("2", b"")
    with pytest.raises(StoreError):
        failing.upload(Path(__file__), "3")
    failing.write("4", b"")
    assert keys(failing) == (["1", "3", "4", "part/2"] if after else ["1", "4"])
    assert copy.writes == 4
