"""What is special about S3: connections, pages, folder marks, parts, codes of errors."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from deid_platform.errors import StoreError
from deid_platform.model import Reason
from deid_platform.store.s3 import S3Connection, S3Store

NAME = "DOE^JANE"


@dataclass(frozen=True)
class CountedConnection:
    """Counts in a file how often a client was made."""

    inner: S3Connection
    counter: Path

    def __call__(self) -> Any:
        with self.counter.open("a") as file:
            file.write(".")
        return self.inner()


@dataclass(frozen=True)
class RefusingClient:
    """A client of a server that answers each request with one error code."""

    code: str

    def __call__(self) -> RefusingClient:
        return self

    def get_object(self, **place: str) -> None:
        raise ClientError({"Error": {"Code": self.code, "Message": place["Key"]}}, "GetObject")


@dataclass(frozen=True)
class UnorderedClient:
    """A client of a server that lists without order."""

    def __call__(self) -> UnorderedClient:
        return self

    def get_paginator(self, _: str) -> UnorderedClient:
        return self

    def paginate(self, **_: str) -> Iterator[dict[str, Any]]:
        from datetime import UTC, datetime

        shared = {"Size": 1, "ETag": '"e"', "LastModified": datetime(2026, 1, 1, tzinfo=UTC)}
        yield {"Contents": [{"Key": "b", **shared}]}
        yield {"Contents": [{"Key": "a", **shared}]}


def put(store: S3Store, key: str, data: bytes = b"1") -> None:
    """Past the store, as another program would."""
    store.connect().put_object(Bucket=store.bucket, Key=key, Body=data)


def keys(store: S3Store, prefix: str = "") -> list[str]:
    return [found.key for found in store.list(prefix)]


def record(request: Any, signed: list[bool]) -> None:
    signed.append("Authorization" in request.headers)


def fail_second_part(params: dict[str, Any], **_: object) -> None:
    if params["query_string"].get("partNumber") == 2:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "UploadPart")


def test_keys_lie_under_the_prefix_whether_it_ends_in_a_slash_or_not(s3_store: S3Store) -> None:
    s3_store.write("a", b"1")
    put(s3_store, "platform/storehouse/b")
    assert keys(s3_store) == keys(replace(s3_store, prefix="platform/store/")) == ["a"]
    assert s3_store.connect().head_object(Bucket=s3_store.bucket, Key="platform/store/a")["ContentLength"] == 1
    assert s3_store.locate("a") == f"s3://{s3_store.bucket}/platform/store/a"


def test_an_upload_tells_nothing_of_its_file(s3_store: S3Store, tmp_path: Path) -> None:
    source = tmp_path / "DOE.dcm"
    source.write_bytes(b"1")
    s3_store.upload(source, "a")
    told = s3_store.connect().head_object(Bucket=s3_store.bucket, Key="platform/store/a")
    assert told["Metadata"] == {}
    assert not {"ContentDisposition", "CacheControl"} & told.keys()
    assert "DOE" not in repr(told)


def test_a_store_may_be_a_whole_bucket(s3_store: S3Store) -> None:
    store = replace(s3_store, prefix="")
    store.write("a/b", b"1")
    assert keys(store) == ["a/b"]
    assert list(store.folders()) == ["a"]


def test_listings_go_on_over_pages(s3_store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "2")
    for number in range(5):
        s3_store.write(f"f{number}/x", b"")
    assert keys(s3_store) == [f"f{number}/x" for number in range(5)]
    assert list(s3_store.folders()) == [f"f{number}" for number in range(5)]


def test_marks_of_folders_are_no_objects_but_bytes_under_such_a_key_are(s3_store: S3Store) -> None:
    put(s3_store, "platform/store/", b"")
    put(s3_store, "platform/store/mark/", b"")
    put(s3_store, "platform/store/bytes/")
    assert keys(s3_store) == ["bytes/"]
    assert list(s3_store.folders()) == ["bytes", "mark"]
    assert s3_store.stat("mark/") is None
    assert s3_store.read("bytes/") == b"1"


def test_keys_with_empty_segments_that_others_wrote_are_read(s3_store: S3Store) -> None:
    put(s3_store, "platform/store/a//b")
    put(s3_store, "platform/store//c")
    assert keys(s3_store) == ["/c", "a//b"]
    assert s3_store.read("a//b") == s3_store.read("/c") == b"1"
    assert list(s3_store.folders()) == ["", "a"]


def test_an_upload_that_breaks_off_between_parts_leaves_the_old_object(s3_store: S3Store, tmp_path: Path) -> None:
    source = tmp_path / NAME
    source.write_bytes(bytes(20_000_000))
    s3_store.write("a", b"old")
    client = s3_store._client()
    client.meta.events.register("before-call.s3.UploadPart", fail_second_part)
    try:
        with pytest.raises(StoreError, match=r"AccessDenied.*zone's policy") as caught:
            s3_store.upload(source, "a")
    finally:
        client.meta.events.unregister("before-call.s3.UploadPart", fail_second_part)
    assert NAME not in str(caught.value)
    assert s3_store.read("a") == b"old"
    assert client.list_multipart_uploads(Bucket=s3_store.bucket).get("Uploads", []) == []


def test_the_name_of_a_fetched_file_tells_nothing(s3_store: S3Store) -> None:
    s3_store.write(f"{NAME}.dcm", b"1")
    with s3_store.fetch(f"{NAME}.dcm") as path:
        assert NAME not in str(path)
        assert path.stat().st_mode & 0o077 == 0


def test_all_threads_of_a_process_share_one_client(s3_store: S3Store, tmp_path: Path) -> None:
    counted = CountedConnection(s3_store.connect, tmp_path / "count")  # type: ignore[arg-type]
    store = replace(s3_store, connect=counted)
    store.write("a", b"1")
    copies = [pickle.loads(pickle.dumps(store)) for _ in range(4)]  # noqa: S301
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda copy: copy.read("a"), copies)) == [b"1"] * 4
    assert counted.counter.read_text() == "."


def test_requests_are_bounded_in_time_and_number() -> None:
    config = S3Connection(region_name="us-east-1", max_attempts=3).__call__().meta.config
    assert config.retries == {"mode": "standard", "total_max_attempts": 3}
    assert (config.connect_timeout, config.read_timeout) == (10, 60)


def test_buckets_of_other_servers_stand_in_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    assert S3Connection(endpoint_url="http://minio:9000")().meta.config.s3 == {"addressing_style": "path"}
    assert not S3Connection(region_name="us-east-1")().meta.config.s3
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://minio:9000")
    assert S3Connection()().meta.config.s3 == {"addressing_style": "path"}


@pytest.mark.parametrize("unsigned", [False, True])
def test_requests_are_signed_unless_the_bucket_is_public(s3_store: S3Store, unsigned: bool) -> None:
    assert isinstance(s3_store.connect, S3Connection)
    store = replace(s3_store, connect=replace(s3_store.connect, use_unsigned_session=unsigned))
    signed: list[bool] = []
    store._client().meta.events.register("before-send.s3", lambda request, **_: record(request, signed))
    with suppress(StoreError):
        store.require()
    assert signed == [not unsigned]


def test_secrets_are_not_shown() -> None:
    shown = repr(S3Store("my-bucket", connect=S3Connection(aws_secret_access_key="hush", aws_session_token="hush")))
    assert "hush" not in shown


def test_a_server_that_does_not_answer_is_reported() -> None:
    store = S3Store(
        "my-bucket",
        connect=S3Connection(
            region_name="us-east-1",
            endpoint_url="http://127.0.0.1:9",
            aws_access_key_id="a",
            aws_secret_access_key="b",
            max_attempts=1,
        ),
    )
    with pytest.raises(StoreError, match=r"EndpointConnectionError.*network") as caught:
        store.read(NAME)
    assert caught.value.reason is Reason.UNREADABLE
    assert NAME not in str(caught.value)


def test_a_profile_that_is_not_there_is_reported() -> None:
    with pytest.raises(StoreError, match=r"ProfileNotFound.*name of the profile"):
        S3Store("my-bucket", connect=S3Connection(profile_name="absent")).read("a")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("AccessDenied", Reason.UNREADABLE),
        ("InvalidObjectState", Reason.UNREADABLE),
        ("NoSuchKey", Reason.SOURCE_CHANGED),
        ("PreconditionFailed", Reason.SOURCE_CHANGED),
    ],
)
def test_a_refusal_is_told_by_its_code(code: str, reason: Reason) -> None:
    with pytest.raises(StoreError, match=code) as caught:
        S3Store("my-bucket", connect=RefusingClient(code)).read(NAME)
    assert caught.value.reason is reason
    assert NAME not in str(caught.value)


def test_a_code_that_is_none_is_not_quoted() -> None:
    with pytest.raises(StoreError, match=r"\(ClientError\)"):
        S3Store("my-bucket", connect=RefusingClient(f"no such {NAME}")).read("a")


def test_a_server_that_lists_without_order_is_refused() -> None:
    with pytest.raises(StoreError, match="out of order"):
        list(S3Store("my-bucket", connect=UnorderedClient()).list())
