"""The catalogue as a resource: a local copy of all manifests, queried with DuckDB."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import duckdb

from deid_platform.catalogue import connect, update
from deid_platform.store.protocol import Store


class CatalogueResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Views over all manifests, see :mod:`deid_platform.catalogue`."""

    folder: str = "data/catalogue"
    """Where the copies are kept; can be deleted at any time."""

    def update(self, store: Store) -> int:
        """Copy new manifests from the trusted zone; gives their number."""
        return update(store, Path(self.folder))

    def connect(self) -> duckdb.DuckDBPyConnection:
        """A connection with the views."""
        return connect(Path(self.folder))
