"""Checks on a batch as a whole, from its manifests and findings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import duckdb
import pyarrow as pa

from deid_platform.audit.expectations import unmet_expectations
from deid_platform.audit.proof import HeadsProof, Proof
from deid_platform.batches import Batch
from deid_platform.identity import Identity
from deid_platform.manifest import Manifest
from deid_platform.model import Entry, Finding, PixelRule, Severity

GATE_CHECKS = {
    "complete": "every landed object of the batch has exactly one row",
    "scrubbed_reconciled": "scrubbed has the items of raw, and what was refused stays refused",
    "pixel_cleaned_reconciled": "pixel_cleaned has the items of scrubbed, and what was refused stays refused",
    "scrubbed_well_formed": "every column holds what it may: opaque ids, closed lists, no original names",
    "pixel_cleaned_well_formed": "every column holds what it may: opaque ids, closed lists, no original names",
    "uids_consistent": "subjects, studies, series and instances form a tree",
    "pseudonyms_distinct": "as many pseudonyms as subjects",
    "pixels_judged": "every item that goes on says by which rule its pixels may, and what was masked fits the rule",
    "text_proven": "every image was read by Tesseract, or stands behind a sample without text",
    "heads_judged": "where the policy has faces looked for, every image says what became of a head",
    "objects_intact": "every object is the one its row describes",
}
"""What the gate asks of a batch, by check, in the order of :func:`batch_checks`."""

ITEM_CHECKS = {
    "residual_identifier": "no identifier of the original is left in any byte",
    "burned_in_text": "Tesseract finds no text in the cleaned pixels it reads",
    "pixels_altered": "no pixel differs from the original outside of the masked regions",
    "face_in_rendering": "no rendering, projection or capture of a head is among what is released",
    "face_not_proven_gone": "no face is left, and no brain differs from the original",
    "forbidden_content": "nothing is left that the policy forbids",
}
"""What the gate asks of an item, by the rule of the findings that refuse it."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check on one batch: its name, the outcome, and counts that explain it."""

    name: str
    passed: bool
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def asks(self) -> str:
        """What the check asks, for people."""
        return GATE_CHECKS[self.name]


def batch_checks(
    sealed: Batch,
    manifests: Sequence[Manifest],
    findings: Sequence[Finding],
    proofs: tuple[Proof, HeadsProof],
    identity: Identity,
) -> tuple[CheckResult, ...]:
    """All checks of the gate on raw, scrubbed and pixel_cleaned manifests of one batch."""
    cleaned = manifests[-1]
    return (
        complete(sealed, manifests[0], identity),
        *(reconciled(before, after) for before, after in pairwise(manifests)),
        *(well_formed(manifest) for manifest in manifests[1:]),
        uids_consistent(cleaned),
        pseudonyms_distinct(cleaned, identity),
        pixels_judged(cleaned),
        text_proven(proofs[0]),
        heads_judged(proofs[1]),
        objects_intact(cleaned, findings),
    )


def complete(sealed: Batch, raw: Manifest, identity: Identity) -> CheckResult:
    """Every landed object of the batch has exactly one row in the raw manifest."""
    expected = sorted(identity.token("item", identity.site, member.key) for member in sealed.members)
    found = [entry.item for entry in raw.entries]
    counts = {"landed": len(expected), "rows": len(found)}
    return CheckResult("complete", expected == sorted(found), counts)


def reconciled(before: Manifest, after: Manifest) -> CheckResult:
    """A stage has the items of the one before, and what was refused stays refused."""
    same = {entry.item for entry in before.entries} == {entry.item for entry in after.entries}
    same = same and len(before.entries) == len(after.entries)
    held = {entry.item for entry in before.quarantined} <= {entry.item for entry in after.quarantined}
    counts = {"items": len(after.entries), "passed": len(after.passed), "quarantined": len(after.quarantined)}
    return CheckResult(f"{after.stage}_reconciled", same and held, counts)


def well_formed(manifest: Manifest) -> CheckResult:
    """The columns of a manifest hold what they may: opaque ids, closed lists, no original names."""
    unmet = unmet_expectations(manifest)
    return CheckResult(f"{manifest.stage}_well_formed", not unmet, unmet)


_UID_RULES = {
    "one_subject_per_study": "select study from rows group by study having count(distinct subject) > 1",
    "one_study_per_series": "select series from rows group by series having count(distinct study) > 1",
    "one_object_per_instance": "select instance from rows group by instance having count(*) > 1",
}


def uids_consistent(cleaned: Manifest) -> CheckResult:
    """Subject, study, series and instance form a tree."""
    passed = cleaned.passed
    columns = ("subject", "study", "series", "instance")
    rows = pa.table({name: [getattr(entry, name) for entry in passed] for name in columns})
    with duckdb.connect() as connection:
        connection.register("rows", rows)
        counts = {name: len(connection.execute(query).fetchall()) for name, query in _UID_RULES.items()}
    broken = {name: count for name, count in counts.items() if count}
    return CheckResult("uids_consistent", not broken, broken)


def pseudonyms_distinct(cleaned: Manifest, identity: Identity) -> CheckResult:
    """No two subjects share a pseudonym, whether mapped or made with the key, also for a reader who ignores case."""
    subjects = {entry.subject for entry in cleaned.passed}
    pseudonyms = {identity.mentioned(subject).casefold() for subject in subjects}
    counts = {"subjects": len(subjects), "pseudonyms": len(pseudonyms)}
    return CheckResult("pseudonyms_distinct", len(subjects) == len(pseudonyms), counts)


def pixels_judged(cleaned: Manifest) -> CheckResult:
    """Every item that passed says by which rule its pixels may, and what was masked fits the rule."""
    unjudged = sum(not entry.rule for entry in cleaned.passed)
    unfit = sum(not _fits(entry) for entry in cleaned.passed)
    return CheckResult("pixels_judged", not unjudged and not unfit, {"unjudged": unjudged, "unfit": unfit})


def _fits(entry: Entry) -> bool:
    masking = entry.masking
    masked = bool(masking.masked or masking.overlays)
    return (
        masked == (entry.rule == PixelRule.TEXT_MASKED)
        and bool(masking.regions) == bool(masking.masked)
        and masking.masked <= masking.frames
        and 0 <= masking.share <= 1
    )


def text_proven(proof: Proof) -> CheckResult:
    """Every image was read, or a sample without text speaks for those that were not."""
    return CheckResult("text_proven", not (proof.unread and proof.sample_hits), proof.counts())


def heads_judged(proof: HeadsProof) -> CheckResult:
    """Every image says what became of a head, where the policy has faces looked for."""
    return CheckResult("heads_judged", not proof.unjudged, proof.counts() if proof.looked else {})


def objects_intact(cleaned: Manifest, findings: Sequence[Finding]) -> CheckResult:
    """Every object is the one its row describes."""
    changed = sum(finding.severity is Severity.BATCH for finding in findings)
    counts = {"objects": len(cleaned.passed), "changed": changed}
    return CheckResult("objects_intact", not changed, counts)


def by_rule(findings: Sequence[Finding]) -> Iterator[tuple[str, str, str, int]]:
    """(rule, kind, place, items) of findings, most items first: what a report may show."""
    groups: dict[tuple[str, str, str], set[str]] = {}
    for finding in findings:
        groups.setdefault((finding.rule, finding.kind, finding.where), set()).add(finding.item)
    for key, items in sorted(groups.items(), key=lambda group: (-len(group[1]), group[0])):
        yield (*key, len(items))
