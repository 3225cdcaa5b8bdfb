from __future__ import annotations

from pathlib import Path

import pytest

from deid_platform.store.folder import FolderStore
from resources.catalogue import CatalogueResource
from tests.builders.chain import land, pipeline, run_drops
from tests.builders.dicom import encode, person, report


@pytest.fixture
def platform(tmp_path: Path) -> FolderStore:
    land(tmp_path / "store", {"a.dcm": encode(report(person(0))), "empty": b""})
    run_drops(pipeline(tmp_path / "store"))
    return FolderStore(f"{tmp_path}/store")


def test_the_catalogue_can_be_deleted_at_any_time(platform: FolderStore, tmp_path: Path) -> None:
    views = CatalogueResource(folder=str(tmp_path / "catalogue"))
    assert [views.update(platform), views.update(platform)] == [4, 0]
    for path in (tmp_path / "catalogue").iterdir():
        path.unlink()
    assert views.update(platform) == 4
    with views.connect() as connection:
        assert connection.execute("select found, released, quarantined from batches").fetchall() == [(2, 1, 1)]
