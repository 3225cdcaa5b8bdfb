"""Orders that a run refuses, before it writes anything where it should not."""

from __future__ import annotations

from pathlib import Path

import pytest

from deid_platform.errors import StoreError
from deid_platform.run import run
from tests.builders.chain import fill, tree
from tests.test_run import REPORTS, order


@pytest.mark.parametrize(
    ("source", "output"),
    [("in", "in"), ("in", "in/out"), ("in", "."), ("in/a.dcm", "in"), ("in/a.dcm", "in/sub/.."), ("link", "in/out")],
)
def test_input_and_output_inside_each_other_are_refused_before_anything_is_written(
    tmp_path: Path, source: str, output: str
) -> None:
    fill(tmp_path / "in", {"a.dcm": b"x", "sub/b.dcm": b"x"})
    before = tree(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "in")
    with pytest.raises(StoreError, match="INPUT and OUTPUT lie inside each other"):
        run(order(tmp_path / source, tmp_path / output))
    (tmp_path / "link").unlink()
    assert tree(tmp_path) == before


@pytest.mark.parametrize("place", ["in", "in/vault", "out/released", "out/released/vault", "out/.work/vault"])
def test_a_crosswalk_among_originals_or_released_files_is_refused(tmp_path: Path, place: str) -> None:
    fill(tmp_path / "in", {"a.dcm": b"x"})
    with pytest.raises(StoreError, match="crosswalk would lie among"):
        run(order(tmp_path / "in", tmp_path / "out", crosswalk=tmp_path / place))
    assert not (tmp_path / "out").exists()


def test_an_input_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="INPUT does not exist"):
        run(order(tmp_path / "in", tmp_path / "out"))


def test_an_output_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    fill(tmp_path / "in", REPORTS)
    (tmp_path / "out").write_bytes(b"a file")
    with pytest.raises(StoreError, match="OUTPUT cannot be written"):
        run(order(tmp_path / "in", tmp_path / "out"))


@pytest.mark.parametrize("damaged", ["summary.json", ".work/order.json"])
def test_what_an_output_folder_says_about_itself_must_be_readable(tmp_path: Path, damaged: str) -> None:
    fill(tmp_path / "in", {"a.dcm": REPORTS["1.dcm"]})
    fill(tmp_path / "out", {damaged: b'{"made_'})
    with pytest.raises(StoreError, match="choose an empty folder"):
        run(order(tmp_path / "in", tmp_path / "out"))
