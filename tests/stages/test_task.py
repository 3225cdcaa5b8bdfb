from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from deid_platform.errors import DeidError, MalformedFile, StoreError, UnsafeToRelease, UnsupportedFormat
from deid_platform.model import Entry, Reason, Stage, Status
from deid_platform.stages.task import (
    Broken,
    StoreBroken,
    guarded,
    landed_object,
    own_object,
    own_store,
    refuse,
    sha256_of,
    unchanged,
    without_place,
)
from deid_platform.store.folder import FolderStore

NAME = "Quintrelle"
ENTRY = Entry("ITEM", Status.PASSED, "landing key", 3, "0" * 64)


def raising(error: BaseException) -> Callable[[], Entry]:
    def work() -> Entry:
        raise error

    return work


def test_work_that_succeeds_gives_its_row() -> None:
    assert guarded(ENTRY, Stage.RAW, lambda: ENTRY) is ENTRY


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (UnsupportedFormat(NAME), Reason.UNSUPPORTED_FORMAT),
        (MalformedFile(NAME), Reason.MALFORMED),
        (MalformedFile(NAME, Reason.TRUNCATED), Reason.TRUNCATED),
        (UnsafeToRelease(NAME, Reason.BURNED_IN_TEXT), Reason.BURNED_IN_TEXT),
        (StoreError(NAME), Reason.UNREADABLE),
        (DeidError(NAME), Reason.INTERNAL_ERROR),
        (ValueError(NAME), Reason.INTERNAL_ERROR),
        (KeyError(NAME), Reason.INTERNAL_ERROR),
        (RecursionError(NAME), Reason.INTERNAL_ERROR),
        (MemoryError(NAME), Reason.INTERNAL_ERROR),
        (PermissionError(errno.EACCES, NAME), Reason.INTERNAL_ERROR),
    ],
)
def test_whatever_goes_wrong_refuses_the_item_with_a_reason_and_no_text(error: Exception, reason: Reason) -> None:
    row = guarded(ENTRY, Stage.SCRUBBED, raising(error))
    assert isinstance(row, Entry)
    assert (row.status, row.stage, row.reason, row.error) == (
        Status.QUARANTINED,
        "scrubbed",
        str(reason),
        type(error).__name__,
    )
    assert NAME not in repr(row)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE])
def test_a_worker_without_room_stops_the_stage_instead_of_refusing_every_item(code: int) -> None:
    row = guarded(ENTRY, Stage.SCRUBBED, raising(OSError(code, NAME)))
    assert isinstance(row, Broken)
    assert "no room left" in row.message
    assert NAME not in row.message


def test_trouble_with_the_platforms_own_store_is_told_as_it_is() -> None:
    def work() -> Entry:
        with own_store():
            raise StoreError("The bucket does not exist: create it.")

    assert guarded(ENTRY, Stage.RELEASED, work) == Broken("The bucket does not exist: create it.")


def test_an_end_asked_for_by_a_person_is_not_held_up() -> None:
    with pytest.raises(KeyboardInterrupt):
        guarded(ENTRY, Stage.RAW, raising(KeyboardInterrupt()))


def test_a_refused_row_keeps_everything_else() -> None:
    row = refuse(ENTRY, Stage.RAW, "empty")
    assert (row.item, row.object, row.size, row.passed) == ("ITEM", "landing key", 3, False)


def test_later_stages_are_told_where_bytes_lie_only_of_what_passed() -> None:
    stored = replace(ENTRY, etag="etag")
    assert without_place(stored) is stored
    refused = without_place(refuse(stored, Stage.RAW, "empty"))
    assert (refused.object, refused.etag, refused.reason, refused.size) == ("", "", "empty", 3)


def test_an_original_that_is_gone_refuses_the_item_while_its_zone_is_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught, landed_object(FolderStore(str(tmp_path)), "a.dcm"):
        pass
    assert caught.value.reason is Reason.SOURCE_CHANGED


def test_a_landing_zone_that_is_gone_stops_the_stage(tmp_path: Path) -> None:
    with pytest.raises(StoreBroken, match="cannot be listed"), landed_object(FolderStore(f"{tmp_path}/gone"), "a.dcm"):
        pass


def test_what_goes_wrong_with_an_original_in_hand_is_not_taken_for_trouble_with_its_zone(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(b"x")
    with pytest.raises(MalformedFile), landed_object(FolderStore(str(tmp_path)), "a.dcm"):
        raise MalformedFile("")


def test_an_object_of_our_own_that_is_gone_stops_the_stage(tmp_path: Path) -> None:
    with pytest.raises(StoreBroken), own_object(FolderStore(str(tmp_path)), "scrubbed/a.dcm"):
        pass


def test_a_changed_original_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"before")
    digest = sha256_of(path)
    unchanged(path, digest)
    path.write_bytes(b"after")
    with pytest.raises(MalformedFile) as caught:
        unchanged(path, digest)
    assert caught.value.reason is Reason.SOURCE_CHANGED
