"""From the address of a store, as a person configures it, to the store."""

from __future__ import annotations

import os
import re

from deid_platform.errors import StoreError
from deid_platform.store import keys
from deid_platform.store.folder import FolderStore
from deid_platform.store.protocol import Store
from deid_platform.store.s3 import S3Connection, S3Store

_SCHEME = re.compile("[A-Za-z][A-Za-z0-9+.-]*:/")
_S3 = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(/(?P<prefix>.*))?")


def open_store(url: str, connection: S3Connection | None = None) -> Store:
    """The store at ``url``: ``s3://bucket/prefix``, or the path of a folder; nothing is contacted or created.

    Parameters
    ----------
    url : str
        A relative path counts from the working directory of this process, ``~`` is the home folder.
    connection : S3Connection, optional
        Used by ``s3://`` only; without one, boto3's own settings hold.

    Raises
    ------
    StoreError
        The address is of neither kind. It is not quoted, as people do put passwords into addresses.
    """
    if match := _S3.fullmatch(url):
        return S3Store(match["bucket"], keys.as_folder(match["prefix"] or ""), connection or S3Connection())
    if not url.strip() or "\0" in url or _SCHEME.match(url):
        raise StoreError(
            "The address of a store is neither a folder's path nor s3://bucket/prefix with a valid bucket name "
            "(3 to 63 lower-case letters, digits, '.', '-'): correct it."
        )
    return FolderStore(os.path.abspath(os.path.expanduser(url)))
