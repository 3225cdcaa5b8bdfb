"""The address of a store."""

from __future__ import annotations

from pathlib import Path

import pytest

from deid_platform.errors import StoreError
from deid_platform.store.folder import FolderStore
from deid_platform.store.s3 import S3Connection, S3Store
from deid_platform.store.url import open_store


def test_a_path_is_a_folder_store_that_does_not_move_with_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert open_store("./data/store") == FolderStore(str(tmp_path / "data/store"))
    assert open_store("/srv/store/") == FolderStore("/srv/store")
    assert list(tmp_path.iterdir()) == []


def test_a_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    assert open_store("~/store") == FolderStore("/home/someone/store")


@pytest.mark.parametrize(
    ("url", "prefix"),
    [("s3://my-bucket", ""), ("s3://my-bucket/", ""), ("s3://my-bucket/a/b", "a/b/"), ("s3://my-bucket/a/", "a/")],
)
def test_an_s3_address_is_an_s3_store(url: str, prefix: str) -> None:
    connection = S3Connection(region_name="eu-central-1")
    assert open_store(url, connection) == S3Store("my-bucket", prefix, connection)


@pytest.mark.parametrize(
    "url",
    [
        "",
        " ",
        "s3:/my-bucket",
        "s3://",
        "s3://My_Bucket",
        "s3://user:secret@my-bucket",
        "s3://my-bucket//a",
        "s3://my-bucket/../a",
        "https://my-bucket.example/secret",
        "gs://my-bucket",
        "a\0b",
    ],
)
def test_any_other_address_is_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(StoreError) as caught:
        open_store(url)
    assert "secret" not in str(caught.value)
