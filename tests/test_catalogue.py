from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from deid_platform.catalogue import VIEWS, connect, update
from deid_platform.store.folder import FolderStore
from tests.builders.chain import Chain, land, pipeline, run_chain, run_drops, small_files
from tests.builders.dicom import encode, person, report

pytestmark = pytest.mark.usefixtures("unruled")


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Chain]]:
    """The small drop, and another drop of one document, released."""
    root = tmp_path_factory.mktemp("platform")
    land(root, small_files())
    land(root, {"Quintrelle.dcm": encode(report(person(2)))}, drop="Quintrelle")
    return root, run_drops(pipeline(root))


def ask(folder: Path, query: str) -> list[Any]:
    with connect(folder) as connection:
        return connection.execute(query).fetchall()


def filled(root: Path, folder: Path) -> Path:
    update(FolderStore(str(root)), folder)
    return folder


def test_every_batch_adds_up(platform: tuple[Path, dict[str, Chain]], tmp_path: Path) -> None:
    folder = filled(platform[0], tmp_path)
    expected = {
        batch: (
            len(chain.released.manifest.entries),
            len(chain.released.manifest.passed),
            len(chain.released.manifest.quarantined),
        )
        for batch, chain in platform[1].items()
    }
    found = {batch: counts for batch, *counts in ask(folder, "select batch, found, released, quarantined from batches")}
    assert {batch: tuple(counts) for batch, counts in found.items()} == expected
    assert sorted(expected.values()) == [(1, 1, 0), (6, 3, 3)]


def test_the_quarantine_tells_each_refused_item_once(platform: tuple[Path, dict[str, Chain]], tmp_path: Path) -> None:
    rows = ask(filled(platform[0], tmp_path), "select item, stage, reason from quarantine")
    chains = platform[1].values()
    refused = {entry.item: (entry.stage, entry.reason) for c in chains for entry in c.released.manifest.quarantined}
    assert {item: tuple(rest) for item, *rest in rows} == refused
    assert len(rows) == len(refused) == 3


def test_released_items_have_the_digest_of_their_release(
    platform: tuple[Path, dict[str, Chain]], tmp_path: Path
) -> None:
    rows = ask(filled(platform[0], tmp_path), "select item, digest from released")
    expected = {
        entry.item: chain.released.digest for chain in platform[1].values() for entry in chain.released.manifest.passed
    }
    assert dict(rows) == expected


def test_actions_count_what_scrubbing_did(platform: tuple[Path, dict[str, Chain]], tmp_path: Path) -> None:
    query = "select tag, action, sum(places)::int from actions group by all"
    expected: Counter[tuple[str, str]] = Counter()
    for chain in platform[1].values():
        expected.update({(tag, action): places for tag, action, places in chain.scrubbed.actions})
    assert {(tag, action): places for tag, action, places in ask(filled(platform[0], tmp_path), query)} == expected
    assert expected["(0020,000D)", "U"] >= 4


def test_no_copy_holds_original_names_or_etags(platform: tuple[Path, dict[str, Chain]], tmp_path: Path) -> None:
    folder = filled(platform[0], tmp_path)
    keys = {entry.object for chain in platform[1].values() for entry in chain.raw.manifest.entries}
    assert any("Quintrelle" in key for key in keys)
    for path in folder.glob("*.parquet"):
        table = pq.read_table(path)
        assert not {"object", "etag"} & set(table.column_names)
        values = {str(value) for column in table.columns for value in column.to_pylist()}
        assert not [value for value in values if "Quintrelle" in value or value in keys]


def test_only_new_manifests_are_copied(platform: tuple[Path, dict[str, Chain]], tmp_path: Path) -> None:
    store = FolderStore(str(platform[0]))
    assert [update(store, tmp_path), update(store, tmp_path)] == [8, 0]
    assert sorted({path.name.partition(".")[0] for path in tmp_path.iterdir()}) == [
        "pixel_cleaned",
        "raw",
        "released",
        "scrubbed",
    ]


def test_after_a_change_of_profile_the_newest_version_counts(tmp_path: Path) -> None:
    root, folder = tmp_path / "platform", tmp_path / "catalogue"
    land(root, small_files())
    ((batch, old),) = run_drops(pipeline(root)).items()
    assert update(FolderStore(str(root)), folder) == 4
    new = run_chain(pipeline(root, profile="basic"), batch)
    assert update(FolderStore(str(root)), folder) == 3  # raw is the same under every profile
    assert set(ask(folder, "select distinct digest from released")) == {(new.released.digest,)}
    assert ask(folder, "select found, released, quarantined from batches") == [(6, 3, 3)]
    assert {digest for (digest,) in ask(folder, "select digest from versions where dataset = 'released'")} == {
        old.released.digest,
        new.released.digest,
    }


def test_every_view_of_an_empty_catalogue_is_empty(tmp_path: Path) -> None:
    assert update(FolderStore(f"{tmp_path}/nothing"), tmp_path / "catalogue") == 0
    for view in VIEWS:
        assert ask(tmp_path / "catalogue", f"select * from {view}") == []  # noqa: S608 - names of ours


def test_a_copy_that_was_broken_off_does_not_count(platform: tuple[Path, dict[str, Chain]], tmp_path: Path) -> None:
    (tmp_path / "raw.batch.digest.partial").write_bytes(b"half a file")
    filled(platform[0], tmp_path)
    assert ask(tmp_path, "select sum(found)::int from batches") == [(7,)]


def test_a_folder_with_a_quote_in_its_name_is_only_a_folder(
    platform: tuple[Path, dict[str, Chain]], tmp_path: Path
) -> None:
    assert len(ask(filled(platform[0], tmp_path / "o'clock"), "select * from batches")) == 2
