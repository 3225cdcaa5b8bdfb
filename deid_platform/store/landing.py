"""The landing zone as the stages see it: archives are folders, and what belongs together is one object."""

from __future__ import annotations

from collections.abc import Iterator

from deid_platform.model import StoredObject
from deid_platform.store.joined_files import JoinedFiles
from deid_platform.store.protocol import Store
from deid_platform.store.unpacked import Unpacked


def as_landing(store: Store) -> Store:
    """The landing zone in ``store``, read only.

    Members of archives are objects of it, and every image of several files (3DHISTECH slides, pairs of Analyze and
    NIfTI) is one object, in an archive as well.
    """
    return JoinedFiles(Unpacked(store))


def named(landing: Store, key: str) -> Iterator[StoredObject]:
    """The object of that key, or the members of the archive that has it."""
    found = landing.stat(key)
    yield from [found] if found else landing.list(f"{key}/")
