"""Both stores, empty, for the promises they share."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deid_platform.store.folder import FolderStore
from deid_platform.store.protocol import Store
from deid_platform.store.s3 import S3Connection, S3Store
from tests.builders.s3_server import s3_server


@pytest.fixture(scope="session")
def connection() -> Iterator[S3Connection]:
    with s3_server() as connection:
        yield connection


@pytest.fixture(scope="session")
def client(connection: S3Connection) -> Any:
    """One client for all tests: making one takes longer than most of them."""
    return connection()


@pytest.fixture
def folder_store(tmp_path: Path) -> FolderStore:
    root = tmp_path / "store"
    root.mkdir()
    return FolderStore(str(root))


@pytest.fixture
def s3_store(connection: S3Connection, client: Any) -> S3Store:
    bucket = f"test-{uuid.uuid4()}"
    client.create_bucket(Bucket=bucket)
    return S3Store(bucket, "platform/store", connection)


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest) -> Store:
    found: Store = request.getfixturevalue(f"{request.param}_store")
    return found
