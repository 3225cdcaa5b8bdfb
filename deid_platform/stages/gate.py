"""The gate: every check that must pass before release, and a verdict bound to the manifest it judged.

Each cleaned object is read again, with other code than that which made it, beside its original. What concerns one item
refuses that item; what concerns the batch blocks the batch. The verdict carries a keyed seal, so that nobody without
the project key can write one.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path

from deid_platform.audit.checks import CheckResult, batch_checks
from deid_platform.audit.heads.claims import Claims, claims_of, faults, surfaces_left
from deid_platform.errors import DeidError, StoreError, UnsafeToRelease
from deid_platform.formats.registry import format_named
from deid_platform.identity import Identity
from deid_platform.layout import findings_key, verdict_key
from deid_platform.manifest import Manifest, write_findings
from deid_platform.model import Entry, Finding, Reason, Severity, Stage
from deid_platform.policy import Policy
from deid_platform.stages.doubts import misread
from deid_platform.stages.heads_proof import prove_heads
from deid_platform.stages.pipeline import Pipeline, require
from deid_platform.stages.pixels import pixel_digest
from deid_platform.stages.proof import Look, not_inspected, prove, read_where_likely
from deid_platform.stages.raw import raw_digest, read_sealed
from deid_platform.stages.scrubbed import scrubbed_digest
from deid_platform.stages.task import Broken, StoreBroken, landed_object, own_object, sha256_of
from deid_platform.store.protocol import Store
from deid_platform.workers import Lost

GATE_VERSION = "10"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate decided about one pixel_cleaned manifest. ``refused``: reason by item that stays behind."""

    batch: str
    manifest_sha256: str
    gate: str
    checks: tuple[CheckResult, ...]
    refused: dict[str, str]

    @property
    def passed(self) -> bool:
        """Whether the rest of the batch may be released."""
        return all(check.passed for check in self.checks)


@dataclass(frozen=True, slots=True)
class GateResult:
    """A verdict, the findings behind it and the seconds it took."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    seconds: float


def judge_batch(pipeline: Pipeline, batch: str) -> GateResult:
    """Run all checks on a batch and write findings and verdict.

    Raises
    ------
    UnsafeToRelease
        A stage before the gate was not made.
    """
    start = time.perf_counter()
    raw = require(pipeline, Stage.RAW, batch, raw_digest(pipeline, batch))
    scrubbed = require(pipeline, Stage.SCRUBBED, batch, scrubbed_digest(pipeline, batch))
    digest = pixel_digest(pipeline, batch)
    cleaned = require(pipeline, Stage.PIXEL_CLEANED, batch, digest)
    looks: dict[str, Look] = {}
    claims: dict[str, Claims] = {}
    found = [*_inspect_all(pipeline, raw, cleaned, looks, claims)]
    if pipeline.policy.heads.at(pipeline.identity.site).looks:
        found += surfaces_left(cleaned.entries, claims)
    left = [entry for entry in cleaned.passed if looks.get(entry.item) is Look.LEFT]
    proof, legible = prove(pipeline, Counter(looks.values())[Look.READ], left)
    heads, faces = prove_heads(pipeline, raw, cleaned, digest)
    read = [item for item, look in looks.items() if look is Look.READ or (look is Look.LEFT and not proof.unread)]
    anatomy = misread(pipeline, raw, cleaned, read, (*found, *legible))
    texts = [one for one in (*found, *legible) if one.item not in anatomy or one.kind != "text_left"]
    findings = tuple(sorted((*texts, *faces)))
    refused = _refused(findings)
    sealed = read_sealed(pipeline.zones.trusted, batch)
    checks = batch_checks(sealed, (raw, scrubbed, cleaned), findings, (proof, heads), pipeline.identity)
    verdict = Verdict(batch, cleaned.sha256, GATE_VERSION, checks, refused)
    write_findings(pipeline.zones.trusted, findings_key(batch, digest), findings)
    _write(pipeline.zones.trusted, verdict_key(batch, digest), verdict, pipeline.identity)
    return GateResult(verdict, findings, time.perf_counter() - start)


def read_verdict(pipeline: Pipeline, manifest: Manifest, digest: str) -> Verdict:
    """The verdict on exactly this manifest, passed.

    Raises
    ------
    UnsafeToRelease
        There is no verdict, it is on another manifest or of another gate, it is not sealed with the project key, or
        the batch did not pass.
    """
    key = verdict_key(manifest.batch, digest)
    if pipeline.zones.trusted.stat(key) is None:
        raise UnsafeToRelease(f"The gate has not judged {manifest.batch}: run its checks first.")
    verdict = _read(pipeline.zones.trusted.read(key), pipeline.identity)
    if verdict is None or (verdict.batch, verdict.gate) != (manifest.batch, GATE_VERSION):
        raise UnsafeToRelease(f"The verdict on {manifest.batch} is not one of this gate: run its checks again.")
    if verdict.manifest_sha256 != manifest.sha256:
        raise UnsafeToRelease(f"The verdict on {manifest.batch} is on another manifest: run its checks again.")
    if not verdict.passed:
        failed = ", ".join(check.name for check in verdict.checks if not check.passed)
        raise UnsafeToRelease(f"{manifest.batch} did not pass the gate ({failed}): see its findings.")
    return verdict


def _write(store: Store, key: str, verdict: Verdict, identity: Identity) -> None:
    text = json.dumps(asdict(verdict), sort_keys=True)
    store.write(key, json.dumps({"verdict": text, "seal": identity.seal(text)}).encode())


def _read(data: bytes, identity: Identity) -> Verdict | None:
    """The verdict, None when it is not one or not sealed with this key."""
    try:
        outer = json.loads(data)
        if not identity.fits(outer["verdict"], outer["seal"]):
            return None
        fields = json.loads(outer["verdict"])
        return Verdict(**fields | {"checks": tuple(CheckResult(**check) for check in fields["checks"])})
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


@dataclass(frozen=True, slots=True)
class Inspection:
    """One cleaned object and the landing key of its original."""

    entry: Entry
    source: str


@dataclass(frozen=True, slots=True)
class Inspected:
    """What is wrong with one cleaned object, whether its pixels were read, and what it says of faces."""

    findings: tuple[Finding, ...]
    look: Look = Look.READ
    claims: Claims = field(default_factory=Claims)


@dataclass(frozen=True, slots=True)
class Inspect:
    """The task of the gate."""

    landing: Store
    trusted: Store
    policy: Policy
    identity: Identity

    def __call__(self, inspection: Inspection) -> Inspected | Broken:
        """Everything wrong with one cleaned object."""
        entry = inspection.entry
        try:
            return self._inspect(entry, inspection.source)
        except StoreBroken as error:
            return Broken(str(error))
        except DeidError as error:
            return Inspected((not_inspected(entry, "original", str(error.reason)),))
        except Exception as error:  # noqa: BLE001 - what cannot be inspected is not released
            return Inspected((not_inspected(entry, type(error).__name__, str(Reason.INTERNAL_ERROR)),))

    def _inspect(self, entry: Entry, source_key: str) -> Inspected:
        with own_object(self.trusted, entry.object) as output, landed_object(self.landing, source_key) as source:
            if sha256_of(output) != entry.sha256:
                return Inspected((Finding(entry.item, "object", "changed", "object_intact", Severity.BATCH),))
            item_format = format_named(entry.format)
            found = list(item_format.audit(entry.item, source, output, self.policy, self.identity, source_key))
            for where, kind in item_format.altered_pixels(source, output, entry.masking):
                found.append(Finding(entry.item, where, kind, str(Reason.PIXELS_ALTERED)))
            claims = claims_of(output)
            found += faults(entry, claims)
            look, legible = self._read(entry, output)
        return Inspected((*found, *legible), look, claims)

    def _read(self, entry: Entry, output: Path) -> tuple[Look, tuple[Finding, ...]]:
        try:
            return read_where_likely(entry, output, self.policy)
        except DeidError as error:
            return Look.READ, (not_inspected(entry, "pixels", str(error.reason)),)


def _inspect_all(
    pipeline: Pipeline, raw: Manifest, cleaned: Manifest, looks: dict[str, Look], claims: dict[str, Claims]
) -> Iterator[Finding]:
    """The findings on every item; ``looks`` and ``claims`` are filled with what was read, and with what they say."""
    sources = {entry.item: entry.object for entry in raw.entries}
    tasks = (Inspection(entry, sources.get(entry.item, "")) for entry in cleaned.passed)
    zones = pipeline.zones
    task = Inspect(zones.landing, zones.trusted, pipeline.policy, pipeline.identity)
    with closing(pipeline.compute.run(task, tasks)) as results:
        for inspection, result in results:
            if isinstance(result, Broken):
                raise StoreError(result.message)
            if isinstance(result, Lost):
                yield not_inspected(inspection.entry, result.error, str(result.reason))
            else:
                looks[inspection.entry.item] = result.look
                claims[inspection.entry.item] = result.claims
                yield from result.findings


def _refused(findings: tuple[Finding, ...]) -> dict[str, str]:
    """The reason by item; the first rule in the alphabet where an item has several."""
    refused: dict[str, str] = {}
    for finding in findings:
        if finding.severity is Severity.ITEM:
            refused[finding.item] = min(refused.get(finding.item, finding.rule), finding.rule)
    return dict(sorted(refused.items()))
