"""The boundary around the work on one item: whatever goes wrong becomes a reason code, never a text.

Two kinds of trouble are told apart. What concerns the item (its bytes, its structure) quarantines the item. What
concerns a whole store or the platform's disks concerns every item alike, so it stops the stage, which can be run again.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from deid_platform.errors import DeidError, MalformedFile, StoreError
from deid_platform.model import Entry, Reason, Stage, Status
from deid_platform.store.protocol import Store

_OUT_OF_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE})


@dataclass(frozen=True, slots=True)
class Broken:
    """Instead of a result: a store or disk cannot be used."""

    message: str


class StoreBroken(Exception):
    """Carries the message of a :class:`Broken` to the boundary."""


@contextmanager
def own_store() -> Iterator[None]:
    """Around reading and writing in the platform's own zones."""
    try:
        yield
    except StoreError as error:
        raise StoreBroken(str(error)) from None


@contextmanager
def own_object(store: Store, key: str) -> Iterator[Path]:
    """A local file with an object of the platform's own zones; not getting it is the store's fault, not the item's."""
    with ExitStack() as stack:
        with own_store():
            path = stack.enter_context(store.fetch(key))
        yield path


@contextmanager
def landing_zone(landing: Store) -> Iterator[None]:
    """Around reading an original: one that cannot be read is refused, a zone that cannot be read stops the stage."""
    try:
        yield
    except StoreError:
        with own_store():
            landing.require()
        raise


@contextmanager
def landed_object(landing: Store, key: str) -> Iterator[Path]:
    """A local file with an original."""
    with ExitStack() as stack:
        with landing_zone(landing):
            path = stack.enter_context(landing.fetch(key))
        yield path


def guarded(entry: Entry, stage: Stage, work: Callable[[], Entry]) -> Entry | Broken:
    """The row ``work`` gives, or the refusal of the item."""
    try:
        return work()
    except StoreBroken as error:
        return Broken(str(error))
    except DeidError as error:
        return refuse(entry, stage, str(error.reason), type(error).__name__)
    except OSError as error:
        if error.errno in _OUT_OF_ROOM:
            return Broken("A worker has no room left for temporary files: free some, or set TMPDIR, and run again.")
        return refuse(entry, stage, str(Reason.INTERNAL_ERROR), type(error).__name__)
    except Exception as error:  # noqa: BLE001 - a bug must not stop the batch nor tell what it saw
        return refuse(entry, stage, str(Reason.INTERNAL_ERROR), type(error).__name__)


def refuse(entry: Entry, stage: Stage, reason: str, error: str = "") -> Entry:
    """The row of an item that stops here."""
    return replace(entry, status=Status.QUARANTINED, stage=str(stage), reason=reason, error=error)


def without_place(entry: Entry) -> Entry:
    """A row as the stages after raw may show it: of a refused item not where its bytes lie, which may name a person."""
    return entry if entry.passed else replace(entry, object="", etag="")


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file, read piece by piece."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unchanged(path: Path, sha256: str) -> None:
    """Raise MalformedFile when a landed object is no longer what the raw manifest describes."""
    if sha256_of(path) != sha256:
        raise MalformedFile("The object changed after it was taken in.", Reason.SOURCE_CHANGED)
