"""The data-quality checks, blocking and one result per batch.

A blocking check stops the run it is in and no other, so the checks on ``pixel_cleaned`` also write the verdict that
``released`` asks for. What concerns single items refuses those items and is shown as a warning.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence

import dagster as dg

from assets.boundary import boundary
from assets.metadata import Metadata, counts, link, table
from assets.partitions import batch_partitions
from deid_platform.audit.checks import (
    GATE_CHECKS,
    ITEM_CHECKS,
    CheckResult,
    by_rule,
    complete,
    reconciled,
    well_formed,
)
from deid_platform.layout import findings_key, verdict_key
from deid_platform.model import Finding, Stage
from deid_platform.stages.gate import GateResult, judge_batch
from deid_platform.stages.pipeline import Pipeline, require
from deid_platform.stages.pixels import pixel_digest
from deid_platform.stages.raw import raw_digest, read_sealed
from deid_platform.stages.scrubbed import scrubbed_digest
from resources.platform import PlatformResource


def _spec(name: str, asset: str, description: str, *, blocking: bool = True) -> dg.AssetCheckSpec:
    with warnings.catch_warnings():
        # Partitioned checks are a preview in Dagster 1.13, which is why that version is pinned; a test holds them to
        # giving one result per batch.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.AssetCheckSpec(
            name, asset=asset, blocking=blocking, description=description, partitions_def=batch_partitions
        )


def _results(asset: str, checks: Iterable[CheckResult]) -> Iterator[dg.AssetCheckResult]:
    for check in checks:
        yield dg.AssetCheckResult(
            check_name=check.name,
            asset_key=asset,
            passed=check.passed,
            description=check.asks,
            metadata=counts(check.counts),
        )


def _stage_check(
    name: str, asset: str, names: Sequence[str], judge: Callable[[Pipeline, str], Sequence[CheckResult]]
) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(name=name, specs=[_spec(check, asset, GATE_CHECKS[check]) for check in names])
    def checks(context: dg.AssetCheckExecutionContext, platform: PlatformResource) -> Iterator[dg.AssetCheckResult]:
        with boundary(name):
            results = judge(platform.pipeline(context.partition_key), context.partition_key)
        yield from _results(asset, results)

    return checks


def _judge_raw(pipeline: Pipeline, batch: str) -> Sequence[CheckResult]:
    raw = require(pipeline, Stage.RAW, batch, raw_digest(pipeline, batch))
    return (complete(read_sealed(pipeline.zones.trusted, batch), raw, pipeline.identity),)


def _judge_scrubbed(pipeline: Pipeline, batch: str) -> Sequence[CheckResult]:
    raw = require(pipeline, Stage.RAW, batch, raw_digest(pipeline, batch))
    scrubbed = require(pipeline, Stage.SCRUBBED, batch, scrubbed_digest(pipeline, batch))
    return reconciled(raw, scrubbed), well_formed(scrubbed)


raw_checks = _stage_check("raw_checks", "raw", ["complete"], _judge_raw)
scrubbed_checks = _stage_check(
    "scrubbed_checks", "scrubbed", ["scrubbed_reconciled", "scrubbed_well_formed"], _judge_scrubbed
)


@dg.multi_asset_check(
    name="release_gate",
    specs=[
        *(_spec(name, "pixel_cleaned", asks) for name, asks in GATE_CHECKS.items()),
        *(_spec(name, "pixel_cleaned", asks, blocking=False) for name, asks in ITEM_CHECKS.items()),
    ],
)
def release_gate(context: dg.AssetCheckExecutionContext, platform: PlatformResource) -> Iterator[dg.AssetCheckResult]:
    """Judge the batch and write the verdict."""
    batch = context.partition_key
    with boundary("release_gate"):
        pipeline = platform.pipeline(batch)
        gate = judge_batch(pipeline, batch)
        links = _links(pipeline, batch)
    yield from _results("pixel_cleaned", gate.verdict.checks)
    yield from _item_results(gate, links)


def _links(pipeline: Pipeline, batch: str) -> Metadata:
    digest = pixel_digest(pipeline, batch)
    trusted = pipeline.zones.trusted
    keys = {"verdict": verdict_key(batch, digest), "findings": findings_key(batch, digest)}
    return {name: link(trusted, key) for name, key in keys.items()}


def _item_results(gate: GateResult, links: Metadata) -> Iterator[dg.AssetCheckResult]:
    """One result per rule; items that could not be inspected count under ``forbidden_content``."""
    for name, asks in ITEM_CHECKS.items():
        found = [finding for finding in gate.findings if _check_of(finding) == name]
        items = len({finding.item for finding in found})
        yield dg.AssetCheckResult(
            check_name=name,
            asset_key="pixel_cleaned",
            passed=not items,
            severity=dg.AssetCheckSeverity.WARN,
            description=asks if not items else f"{items} items were refused; the rest may go on",
            metadata=links | {"refused": dg.MetadataValue.int(items), "by_place": _by_place(found)},
        )


def _check_of(finding: Finding) -> str:
    return finding.rule if finding.rule in ITEM_CHECKS else "forbidden_content"


def _by_place(findings: Sequence[Finding]) -> dg.MetadataValue:
    return table(("rule", "kind", "place", "items"), list(by_rule(findings)))


ALL_CHECKS = (raw_checks, scrubbed_checks, release_gate)
