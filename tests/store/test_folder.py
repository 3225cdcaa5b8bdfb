"""What is special about a folder: names of any bytes, links, pipes, permissions, crashes."""

from __future__ import annotations

import errno
import os
import resource
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

import deid_platform
from deid_platform.errors import StoreError
from deid_platform.model import Reason
from deid_platform.store.folder import FolderStore

PROJECT = Path(deid_platform.__file__).parents[1]
DYING_WRITER = """
import os, sys
from deid_platform.store.folder import FolderStore

os.replace = lambda *_: os._exit(9)
FolderStore(sys.argv[1]).write("batch/manifest", b"new and longer")
"""
permissions_hold = pytest.mark.usefixtures("_permissions_hold")


@pytest.fixture
def root(folder_store: FolderStore) -> Path:
    return Path(folder_store.root)


@pytest.fixture
def _permissions_hold(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    if os.access(closed, os.R_OK):
        pytest.skip("The superuser may read everything: run as another user, or without CAP_DAC_OVERRIDE.")


def sizes(store: FolderStore, prefix: str = "") -> dict[str, int]:
    return {found.key: found.size for found in store.list(prefix)}


def refused(store: FolderStore, key: str) -> StoreError:
    with pytest.raises(StoreError) as caught, store.fetch(key):
        pass
    return caught.value


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """The kernel refuses to let files grow beyond ``size`` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_name_that_is_not_utf8_has_a_key_that_leads_back(folder_store: FolderStore, root: Path) -> None:
    folder = os.path.join(os.fsencode(root), b"M\xfcller 100%41")
    os.mkdir(folder)
    with open(os.path.join(folder, b"\xff\n.dcm"), "wb") as file:
        file.write(b"bytes")
    key = "M%FCller 100%2541/%FF\n.dcm"
    assert sizes(folder_store) == {key: 5}
    assert list(folder_store.folders()) == ["M%FCller 100%2541"]
    assert sizes(folder_store, "M%FC") == {key: 5}
    assert sizes(folder_store.within("M%FCller 100%2541/")) == {"%FF\n.dcm": 5}
    with folder_store.fetch(key) as path:
        assert path.read_bytes() == b"bytes"


def test_a_link_to_a_file_is_listed_and_read_as_that_file(folder_store: FolderStore, root: Path) -> None:
    (root / "file").write_bytes(b"12345")
    (root / "link").symlink_to("file")
    assert sizes(folder_store) == {"file": 5, "link": 5}
    assert folder_store.read("link") == b"12345"


def test_what_is_no_file_is_listed_with_no_bytes_and_refused(
    folder_store: FolderStore, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/file").write_bytes(b"12345")
    (root / "to-folder").symlink_to(tmp_path / "elsewhere")
    (root / "to-nothing").symlink_to("absent")
    (root / "to-itself").symlink_to("to-itself")
    os.mkfifo(root / "pipe")
    monkeypatch.chdir(root)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
    names = ["pipe", "socket", "to-folder", "to-itself", "to-nothing"]
    assert sizes(folder_store) == dict.fromkeys(names, 0)
    for name in names:
        found = folder_store.stat(name)
        assert found is not None
        assert (found.size, bool(found.etag)) == (0, True)
        assert name not in str(refused(folder_store, name))
    assert refused(folder_store, "pipe").reason is Reason.UNREADABLE


def test_a_link_to_a_folder_is_not_passed_through(folder_store: FolderStore, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"12345")
    (root / "link").symlink_to(outside)
    assert list(folder_store.folders()) == []
    with pytest.raises(StoreError, match="symbolic link"):
        folder_store.read("link/file")
    with pytest.raises(StoreError, match="symbolic link"):
        folder_store.write("link/new", b"")
    with pytest.raises(StoreError, match="symbolic link"):
        list(folder_store.list("link/"))
    assert [path.name for path in outside.iterdir()] == ["file"]


def test_the_root_itself_may_be_a_link(folder_store: FolderStore, root: Path, tmp_path: Path) -> None:
    folder_store.write("a/b", b"12345")
    (tmp_path / "link").symlink_to(root)
    assert sizes(replace(folder_store, root=str(tmp_path / "link"))) == {"a/b": 5}


def test_a_folder_too_deep_to_open_is_listed_and_not_overlooked(folder_store: FolderStore, root: Path) -> None:
    name = "d" * 200
    descriptor = os.open(root, os.O_RDONLY)
    for _ in range(25):
        os.mkdir(name, dir_fd=descriptor)
        deeper = os.open(name, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = deeper
    os.close(os.open("lost.dcm", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
    os.close(descriptor)
    (found,) = folder_store.list()
    assert found.size == 0
    assert refused(folder_store, found.key).reason is Reason.UNREADABLE


def test_a_tree_deeper_than_the_call_stack_is_listed(folder_store: FolderStore, root: Path) -> None:
    folders = [os.path.join(root, *["d"] * depth) for depth in range(1, 1200)]
    for folder in folders:
        os.mkdir(folder)
    deepest = Path(folders[-1], "file")
    deepest.write_bytes(b"1")
    assert list(sizes(folder_store).values()) == [1]
    deepest.unlink()
    for folder in reversed(folders):
        os.rmdir(folder)


@permissions_hold
def test_a_folder_that_may_not_be_opened_is_listed_in_its_place(folder_store: FolderStore, root: Path) -> None:
    for key in ("a/1", "b/1", "b-c"):
        folder_store.write(key, b"1")
    (root / "b").chmod(0)
    try:
        assert list(sizes(folder_store).items()) == [("a/1", 1), ("b", 0), ("b-c", 1)]
        assert list(folder_store.folders()) == ["a", "b"]
        assert folder_store.stat("b") is not None
        with pytest.raises(StoreError, match="permission") as caught:
            list(folder_store.list("b/"))
        assert caught.value.reason is Reason.UNREADABLE
        with pytest.raises(StoreError, match="permission"):
            folder_store.stat("b/1")
        with pytest.raises(StoreError, match="permission"):
            folder_store.write("b/2", b"")
    finally:
        (root / "b").chmod(0o700)


@permissions_hold
def test_files_of_a_folder_that_may_only_be_listed_are_listed_and_refused(
    folder_store: FolderStore, root: Path
) -> None:
    folder_store.write("a/1", b"1")
    (root / "a").chmod(0o400)
    try:
        assert sizes(folder_store) == {"a/1": 0}
        assert refused(folder_store, "a/1").reason is Reason.UNREADABLE
    finally:
        (root / "a").chmod(0o700)


@permissions_hold
def test_a_file_that_may_not_be_read_is_refused(folder_store: FolderStore, root: Path) -> None:
    folder_store.write("a", b"1")
    (root / "a").chmod(0)
    assert sizes(folder_store) == {"a": 1}
    assert refused(folder_store, "a").reason is Reason.UNREADABLE


def test_a_process_that_dies_while_writing_leaves_the_old_object(folder_store: FolderStore, root: Path) -> None:
    folder_store.write("batch/manifest", b"old")
    writer = subprocess.run([sys.executable, "-c", DYING_WRITER, root], cwd=PROJECT, check=False)
    assert writer.returncode == 9
    assert len(list((root / "batch").iterdir())) == 2
    assert sizes(folder_store) == {"batch/manifest": 3}
    assert folder_store.read("batch/manifest") == b"old"
    folder_store.write("batch/manifest", b"second try")
    assert folder_store.read("batch/manifest") == b"second try"


def test_a_disk_that_fills_up_leaves_the_old_object_and_no_remains(
    folder_store: FolderStore, root: Path, tmp_path: Path
) -> None:
    source = tmp_path / "DOE^JANE"
    source.write_bytes(bytes(3_000_000))
    folder_store.write("a", b"old")
    with largest_file(1_500_000), pytest.raises(StoreError, match=os.strerror(errno.EFBIG)) as caught:
        folder_store.upload(source, "a")
    assert "DOE" not in str(caught.value)
    assert folder_store.read("a") == b"old"
    assert [path.name for path in root.iterdir()] == ["a"]


def test_a_place_taken_by_a_folder_or_behind_a_file_is_reported(folder_store: FolderStore) -> None:
    folder_store.write("a/b", b"")
    with pytest.raises(StoreError, match="a folder stands in its place"):
        folder_store.write("a", b"")
    with pytest.raises(StoreError, match="a file stands where a folder should be"):
        folder_store.write("a/b/c", b"")
    assert sizes(folder_store) == {"a/b": 0}


def test_new_files_have_the_permissions_of_the_umask(folder_store: FolderStore, root: Path) -> None:
    before = os.umask(0o027)
    try:
        folder_store.write("new/file", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((root / "new/file").stat().st_mode) == 0o640
    assert stat.S_IMODE((root / "new").stat().st_mode) == 0o750


def test_objects_are_on_disk_before_they_are_seen_and_uploads_where_not_spared(
    folder_store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    folder_store.write("manifest", b"")
    folder_store.upload(Path(__file__), "image")
    assert len(synced) == 2
    spared = replace(folder_store, sync_uploads=False)
    spared.upload(Path(__file__), "image")
    assert len(synced) == 2
    spared.write("manifest", b"")
    assert len(synced) == 3


def test_a_listing_reads_folders_as_it_comes_to_them(folder_store: FolderStore, root: Path) -> None:
    folder_store.write("a/1", b"")
    folder_store.write("b/1", b"")
    listing = folder_store.list()
    assert next(listing).key == "a/1"
    (root / "b/1").rename(root / "b/2")
    assert [found.key for found in listing] == ["b/2"]


def test_what_goes_away_during_a_listing_is_left_out(folder_store: FolderStore, root: Path) -> None:
    for key in ("a", "b", "c/1", "d"):
        folder_store.write(key, b"")
    listing = folder_store.list()
    assert next(listing).key == "a"
    (root / "b").unlink()
    (root / "c/1").unlink()
    (root / "c").rmdir()
    assert [found.key for found in listing] == ["d"]


def test_a_root_that_is_a_file_is_reported_when_required(folder_store: FolderStore) -> None:
    folder_store.write("a", b"")
    with pytest.raises(StoreError, match="root folder"):
        folder_store.within("a").require()


def test_a_root_that_is_not_there_is_empty_and_made_by_the_first_write(folder_store: FolderStore) -> None:
    store = folder_store.within("new")
    assert list(store.list()) == []
    assert list(store.folders()) == []
    store.write("a", b"1")
    assert sizes(store) == {"a": 1}


def test_an_upload_takes_over_neither_time_nor_mode_nor_attributes(folder_store: FolderStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"1")
    source.chmod(0o700)
    os.utime(source, (1, 1))
    with suppress(OSError):
        os.setxattr(source, "user.patient", b"Jane Doe")
    folder_store.upload(source, "a")
    copy = Path(folder_store.root, "a")
    plain = Path(folder_store.root, "plain")
    plain.touch()
    assert copy.stat().st_mode == plain.stat().st_mode
    assert abs(copy.stat().st_mtime - plain.stat().st_mtime) < 600
    with suppress(OSError):
        assert os.listxattr(copy) == os.listxattr(plain)
