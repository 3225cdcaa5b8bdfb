"""The landing zone as the stages see it: what belongs together is one object."""

from __future__ import annotations

from deid_platform.store.protocol import Store
from deid_platform.store.slide_folders import SlideFolders


def as_landing(store: Store) -> Store:
    """The landing zone in ``store``: every 3DHISTECH slide, which is a file and a folder, is one object of it."""
    return SlideFolders(store)
