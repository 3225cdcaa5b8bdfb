from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import deid_platform.policy
from deid_platform.errors import PolicyError
from deid_platform.policy import tables

FOLDER = Path(deid_platform.policy.__file__).parent / "tables"


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The carried tables, copied to where a test may change them."""
    folder = tmp_path / "tables"
    shutil.copytree(FOLDER, folder)
    monkeypatch.setattr(tables, "_folder", lambda: folder)
    tables.sources.cache_clear()
    yield folder
    tables.sources.cache_clear()


@pytest.mark.parametrize("file", tables.sources())
def test_every_carried_table_is_the_one_its_sha_names_and_says_where_it_is_from(file: str) -> None:
    source = tables.sources()[file]
    assert hashlib.sha256((FOLDER / file).read_bytes()).hexdigest() == source.sha256
    assert source.title
    assert source.source
    assert source.edition


def test_every_table_in_the_folder_is_listed() -> None:
    files = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()}
    assert files == {*tables.sources(), "sources.json"}


@pytest.mark.parametrize("file", tables.sources())
def test_a_changed_table_is_refused(copy: Path, file: str) -> None:
    read = tables.document if file.endswith(".json") else tables.rows
    assert read(file)
    with (copy / file).open("ab") as table:
        table.write(b" ")
    with pytest.raises(PolicyError, match=f"{file} was changed"):
        read(file)


def test_a_table_that_is_not_listed_is_refused(copy: Path) -> None:
    (copy / "mine.csv").write_text("tag,action\n")
    with pytest.raises(PolicyError, match=r"mine\.csv is not listed in tables/sources\.json"):
        tables.rows("mine.csv")


def test_the_digest_of_all_tables_changes_with_each_of_them(copy: Path) -> None:
    before = tables.tables_digest()
    listing = json.loads((copy / "sources.json").read_text())
    listing[-1]["sha256"] = "0" * 64
    (copy / "sources.json").write_text(json.dumps(listing))
    tables.sources.cache_clear()
    assert tables.tables_digest() != before


def test_a_byte_order_mark_is_no_part_of_the_first_column() -> None:
    assert "element_sig_pattern" in tables.rows("tcia/private_tag_kb_2024-02-01.csv")[0]
