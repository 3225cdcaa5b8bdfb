"""A store in an S3 bucket, of AWS or of any server that speaks its protocol."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import boto3
from boto3.exceptions import Boto3Error
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from deid_platform.errors import StoreError
from deid_platform.model import Reason, StoredObject
from deid_platform.store import keys

_MISSING = frozenset({"NoSuchKey", "404"})
_CHANGED = _MISSING | {"PreconditionFailed", "412"}
_REMEDIES = {
    "NoSuchBucket": "create the bucket or correct the store's address",
    "NoSuchKey": "look whether the object was moved or deleted",
    "404": "look whether the bucket and the object are still there",
    "PreconditionFailed": "the object changed while it was read",
    "412": "the object changed while it was read",
    "AccessDenied": "give these credentials the zone's policy",
    "403": "check the credentials and give them the zone's policy",
    "InvalidAccessKeyId": "correct the credentials",
    "SignatureDoesNotMatch": "correct the credentials",
    "ExpiredToken": "renew the credentials",
    "NoCredentialsError": "set credentials in the environment, a profile or the machine's role",
    "ProfileNotFound": "correct the name of the profile",
    "InvalidObjectState": "bring the object back from the archive tier",
    "EndpointConnectionError": "look into the network and the endpoint's address",
}
_UNREADABLE = "An object of the store cannot be read"
_CODE = re.compile("[A-Za-z0-9_.]{1,64}")


@dataclass(frozen=True, slots=True)
class S3Connection:
    """How to reach S3, under the names that Dagster's S3 resource gives these settings.

    What is None comes from where boto3 looks: the environment, the profile, the machine's role. A value of this
    class is small and picklable; calling it makes a client.
    """

    region_name: str | None = None
    endpoint_url: str | None = None
    profile_name: str | None = None
    use_ssl: bool = True
    verify: bool | None = None
    use_unsigned_session: bool = False
    aws_access_key_id: str | None = field(default=None, repr=False)
    aws_secret_access_key: str | None = field(default=None, repr=False)
    aws_session_token: str | None = field(default=None, repr=False)
    max_attempts: int = 5
    """Of a request, the first one included."""
    connect_timeout: float = 10.0
    """Seconds."""
    read_timeout: float = 60.0
    """Seconds without a byte."""

    def __call__(self) -> Any:
        """A new S3 client."""
        session = boto3.session.Session(
            aws_access_key_id=self.aws_access_key_id,
            aws_secret_access_key=self.aws_secret_access_key,
            aws_session_token=self.aws_session_token,
            region_name=self.region_name,
            profile_name=self.profile_name,
        )
        return session.client(
            "s3", endpoint_url=self.endpoint_url, use_ssl=self.use_ssl, verify=self.verify, config=self._config()
        )

    def _config(self) -> Config:
        config = Config(
            connect_timeout=self.connect_timeout,
            read_timeout=self.read_timeout,
            retries={"mode": "standard", "total_max_attempts": self.max_attempts},
            max_pool_connections=32,
            s3={"addressing_style": "path"} if self._has_own_endpoint() else {},
        )
        return config.merge(Config(signature_version=UNSIGNED)) if self.use_unsigned_session else config

    def _has_own_endpoint(self) -> bool:
        """Servers other than AWS seldom answer to host names made from a bucket's."""
        return bool(self.endpoint_url or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"))


@dataclass(frozen=True, slots=True)
class S3Store:
    """Objects of ``bucket`` whose keys begin with the folder ``prefix`` (with or without a closing '/').

    ``connect`` makes a client; it must be picklable and hashable by value, and is called once per process. Objects
    of size 0 whose keys end in '/' are folders made by browsers of buckets: they are no objects here. Conditional
    writes are not used, since not every server has them.
    """

    bucket: str
    prefix: str = ""
    connect: Callable[[], Any] = S3Connection()

    def require(self) -> None:
        """Raise StoreError unless the bucket may be listed under the prefix (which may well be empty)."""
        with _reported("The bucket of the store cannot be listed"):
            self._client().list_objects_v2(Bucket=self.bucket, Prefix=self._base(), MaxKeys=1)

    def within(self, prefix: str) -> S3Store:
        """The store under a folder of this one."""
        return replace(self, prefix=self._base() + keys.as_folder(prefix))

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Objects under ``prefix`` in the order of their keys, a page of 1000 at a time."""
        last = ""
        for page in self._pages(Prefix=self._base() + prefix):
            for content in page.get("Contents", ()):
                found = self._described(content["Key"], content["Size"], content)
                if content["Key"] < last:
                    raise StoreError("The S3 server lists keys out of order: use a general-purpose bucket.")
                last = content["Key"]
                if not _is_folder_mark(found):
                    yield found

    def folders(self, prefix: str = "") -> Iterator[str]:
        """Names between ``prefix`` and the next '/'; '' where a key has two in a row."""
        keys.check_folder(prefix)
        start = self._base() + prefix
        for page in self._pages(Prefix=start, Delimiter="/"):
            for common in page.get("CommonPrefixes", ()):
                yield common["Prefix"][len(start) : -1]

    def stat(self, key: str) -> StoredObject | None:
        """The object's description, or None."""
        place = self._place(key)
        try:
            with _reported("An object of the store cannot be looked at"):
                head = self._client().head_object(**place)
        except StoreError as error:
            if error.reason is Reason.SOURCE_CHANGED:
                return None
            raise
        found = self._described(place["Key"], head["ContentLength"], head)
        return None if _is_folder_mark(found) else found

    def read(self, key: str) -> bytes:
        """The object's bytes."""
        place = self._place(key)
        with _reported(_UNREADABLE):
            data: bytes = self._client().get_object(**place)["Body"].read()
        return data

    def head(self, key: str, count: int) -> bytes:
        """The object's first bytes, by a ranged request; S3 answers that an empty object has no range."""
        place = self._place(key)
        found = self.stat(key)
        if found is not None and found.size == 0:
            return b""
        with _reported(_UNREADABLE):
            data: bytes = self._client().get_object(**place, Range=f"bytes=0-{count - 1}")["Body"].read()
        return data

    def read_range(self, key: str, at: int, count: int, etag: str) -> bytes:
        """A piece of the object with this etag, by one ranged request."""
        place = self._place(key)
        if count <= 0:
            return b""
        with _reported(_UNREADABLE):
            answer = self._client().get_object(**place, Range=f"bytes={at}-{at + count - 1}", IfMatch=f'"{etag}"')
            data: bytes = answer["Body"].read()
        if answer["ETag"].strip('"') != etag:  # not every server has conditional reads
            raise StoreError(f"{_UNREADABLE} (it changed): run again.", Reason.SOURCE_CHANGED)
        return data

    def write(self, key: str, data: bytes) -> None:
        """Create or replace the object by one request."""
        place = self._place(key, new=True)
        with _reported("An object cannot be written to the store"):
            self._client().put_object(**place, Body=data)

    @contextmanager
    def fetch(self, key: str) -> Iterator[Path]:
        """A temporary copy (in TMPDIR, readable by this user only), gone after the block."""
        place = self._place(key)
        with tempfile.NamedTemporaryFile(prefix="deid-") as file:
            with _reported(_UNREADABLE):
                self._client().download_fileobj(Fileobj=file, **place)
                file.flush()
            yield Path(file.name)

    def upload(self, source: Path, key: str) -> None:
        """Create or replace the object, a large one in parts that become an object when all are there."""
        place = self._place(key, new=True)
        with _reported("A file cannot be uploaded to the store"):
            self._client().upload_file(Filename=os.fspath(source), **place)

    def delete(self, key: str) -> None:
        """Remove the object; a bucket with versions keeps the old one."""
        place = self._place(key)
        with _reported("An object of the store cannot be deleted"):
            self._client().delete_object(**place)

    def locate(self, key: str) -> str:
        """The s3:// address."""
        place = self._place(key)
        return f"s3://{place['Bucket']}/{place['Key']}"

    def _client(self) -> Any:
        return _client(self.connect, os.getpid())

    def _base(self) -> str:
        return keys.as_folder(self.prefix)

    def _place(self, key: str, new: bool = False) -> dict[str, str]:
        keys.check(key, gaps=not new)
        return {"Bucket": self.bucket, "Key": self._base() + key}

    def _pages(self, **selection: str) -> Iterator[dict[str, Any]]:
        with _reported("The bucket of the store cannot be listed"):
            yield from self._client().get_paginator("list_objects_v2").paginate(Bucket=self.bucket, **selection)

    def _described(self, full_key: str, size: int, answer: dict[str, Any]) -> StoredObject:
        key = full_key.removeprefix(self._base())
        return StoredObject(key, size, answer["ETag"].strip('"'), answer["LastModified"].timestamp())


@lru_cache(maxsize=16)
def _client(connect: Callable[[], Any], process: int) -> Any:
    """One client for all threads of a process; ``process`` keeps a forked child from sharing its parent's sockets."""
    with _reported("No connection to S3 can be set up"):
        return connect()


def _is_folder_mark(found: StoredObject) -> bool:
    return found.size == 0 and (not found.key or found.key.endswith("/"))


@contextmanager
def _reported(trouble: str) -> Iterator[None]:
    """Turn errors of boto3, whose text may name bucket and key, into a StoreError, whose text does not."""
    try:
        yield
    except (BotoCoreError, ClientError, Boto3Error, OSError) as error:
        code = _code(error)
        reason = Reason.SOURCE_CHANGED if code in _CHANGED else Reason.UNREADABLE
        remedy = _REMEDIES.get(code, "look the code up in the server's documentation")
        raise StoreError(f"{trouble} ({code}): {remedy}, then run again.", reason) from None


def _code(error: BaseException) -> str:
    """The server's name for the error, or the name of its class."""
    if isinstance(error, Boto3Error) and isinstance(error.__context__, ClientError):
        error = error.__context__
    code = error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else ""
    return code if _CODE.fullmatch(code) else type(error).__name__
