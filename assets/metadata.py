"""What people see of a materialisation: counts, rates, tables and links. Never a value of a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import dagster as dg

from deid_platform.dictionary import keyword_of
from deid_platform.layout import manifest_key
from deid_platform.model import REMEDIES, Reason, Stage
from deid_platform.policy import MEANING, Action
from deid_platform.stages.pipeline import StageResult
from deid_platform.store.protocol import Store

Metadata = dict[str, dg.MetadataValue]


def stage_metadata(result: StageResult, trusted: Store) -> Metadata:
    """The metadata of one stage of one batch. Rates are left out when the stage was there already."""
    manifest = result.manifest
    stage = manifest.stage
    data: Metadata = {
        "items": dg.MetadataValue.int(len(manifest.entries)),
        "passed": dg.MetadataValue.int(len(manifest.passed)),
        "quarantined": dg.MetadataValue.int(len(manifest.quarantined)),
        "bytes": dg.MetadataValue.int(result.bytes),
        "seconds": dg.MetadataValue.float(round(result.seconds, 3)),
        "digest": dg.MetadataValue.text(result.digest),
        "manifest_sha256": dg.MetadataValue.text(manifest.sha256),
        "manifest": link(trusted, manifest_key(stage, manifest.batch, result.digest)),
        "reasons": table(
            ("reason", "items", "what_to_do"), [(r, n, REMEDIES[Reason(r)]) for r, n in result.reasons.items()]
        ),
    }
    if result.seconds > 0:
        data["items_per_second"] = dg.MetadataValue.float(round(len(manifest.entries) / result.seconds, 2))
        data["mib_per_second"] = dg.MetadataValue.float(round(result.bytes / result.seconds / 2**20, 3))
    if stage is Stage.PIXEL_CLEANED:
        data |= _masking(result)
    if result.actions:
        data["actions"] = table(
            ("tag", "keyword", "action", "places"),
            [(tag, keyword_of(tag), MEANING[Action(action)], count) for tag, action, count in result.actions],
        )
    return data


def _masking(result: StageResult) -> Metadata:
    """What was masked, and by which rule pixels may go on."""
    totals = result.masking
    rules = Counter(entry.rule for entry in result.manifest.passed)
    heads = Counter(entry.masking.head or "not_looked_for" for entry in result.manifest.passed)
    data = counts({name: int(value) for name, value in totals.items() if name != "masked_share"})
    return data | {
        "masked_share": dg.MetadataValue.float(totals["masked_share"]),
        "rules": table(("rule", "items"), sorted(rules.items())),
        "heads": table(("head", "items"), sorted(heads.items())),
    }


def link(store: Store, key: str) -> dg.MetadataValue:
    """Where a person finds an object or folder of a zone that holds no original names."""
    place = store.locate(key)
    return dg.MetadataValue.url(place) if "://" in place else dg.MetadataValue.path(place)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> dg.MetadataValue:
    """Rows as a table of the UI; whole numbers stay numbers."""
    numeric = {name for i, name in enumerate(columns) if rows and isinstance(rows[0][i], int)}
    schema = dg.TableSchema([dg.TableColumn(name, "int" if name in numeric else "string") for name in columns])
    return dg.MetadataValue.table([dg.TableRecord(_record(columns, row)) for row in rows], schema)


def counts(values: Mapping[str, int]) -> Metadata:
    """Plain counts."""
    return {name: dg.MetadataValue.int(value) for name, value in values.items()}


def _record(columns: Sequence[str], row: Sequence[object]) -> dict[str, str | int]:
    return {name: value if isinstance(value, int) else str(value) for name, value in zip(columns, row, strict=True)}
