"""All manifests as one catalogue: DuckDB views over Parquet files.

Manifests never change (their keys hold their digest), so a local folder is brought up to date by copying what is new.
Landing keys and etags are left out on the way: the catalogue holds no original names.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from deid_platform.layout import manifest_key, stage_root
from deid_platform.manifest import MANIFEST_SCHEMA
from deid_platform.model import Stage, StoredObject
from deid_platform.store.protocol import Store

_PRIVATE_COLUMNS = ("object", "etag")
_SCHEMA = pa.schema(
    [field for field in MANIFEST_SCHEMA if field.name not in _PRIVATE_COLUMNS]
    + [pa.field("digest", pa.string()), pa.field("made", pa.timestamp("ms", tz="UTC"))]
)

VIEWS = {
    "versions": "select dataset, batch, digest, max(made) as made, count(*) as items from manifests group by all",
    "items": """select m.* from manifests m join (select dataset, batch, arg_max(digest, made) as digest
                from versions group by all) using (dataset, batch, digest)""",
    "quarantine": "select item, batch, stage, reason, error, format, modality from items where status = 'quarantined' "
    "qualify row_number() over (partition by batch, item order by made desc) = 1",
    "released": "select * from items where dataset = 'released' and status = 'passed'",
    "batches": """select batch, count(distinct item) as found,
                  count(distinct item) filter (where dataset = 'released' and status = 'passed') as released,
                  count(distinct item) filter (where status = 'quarantined') as quarantined,
                  max(made) as made from items group by batch""",
    "actions": """select change.target as tag, change.action as action, change.rule as rule,
                  sum(change.count) as places, count(distinct item) as items
                  from (select item, unnest(changes) as change from items where dataset = 'scrubbed') group by all""",
}
"""The views, in the order they build on each other. ``items`` are the rows of the newest version of each dataset."""


def update(store: Store, folder: Path) -> int:
    """Bring the copies under ``folder`` up to date; gives the number of new manifests.

    Raises
    ------
    StoreError
        The store cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    fresh = [(found, target) for found, target in _manifests(store, folder) if not target.exists()]
    for found, target in fresh:
        table = pq.read_table(BytesIO(store.read(found.key)))
        columns = [table.column(name) for name in _SCHEMA.names[:-2]]
        made = datetime.fromtimestamp(found.modified, UTC)
        digest = target.stem.rpartition(".")[2]
        extra = [pa.array([digest] * table.num_rows), pa.array([made] * table.num_rows, _SCHEMA.field("made").type)]
        partial = target.with_suffix(".partial")
        pq.write_table(pa.table([*columns, *extra], schema=_SCHEMA), partial)
        partial.replace(target)
    return len(fresh)


def connect(folder: Path) -> duckdb.DuckDBPyConnection:
    """A connection with all views over the copies under ``folder``."""
    connection = duckdb.connect()
    files = sorted(str(path) for path in folder.glob("*.parquet"))
    empty = folder / "empty.parquet"
    if not files:
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(_SCHEMA.empty_table(), empty)
        files = [str(empty)]
    listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
    connection.execute(f"create view manifests as select * from read_parquet([{listed}])")  # noqa: S608 - own files
    for name, query in VIEWS.items():
        connection.execute(f"create view {name} as {query}")
    return connection


def _manifests(store: Store, folder: Path) -> Iterator[tuple[StoredObject, Path]]:
    """Every manifest of every stage, and where its copy goes. Goes by folders, never through lists of images."""
    for stage in Stage:
        for batch in store.folders(f"{stage_root(stage)}/"):
            for digest in store.folders(f"{stage_root(stage)}/{batch}/"):
                found = store.stat(manifest_key(stage, batch, digest))
                if found is not None:
                    yield found, folder / f"{stage}.{batch}.{digest}.parquet"
