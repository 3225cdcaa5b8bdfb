"""Proving that faces are gone and brains whole, study by study, and that no face stayed where none was removed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import islice

from deid_platform.audit.heads.average import Registered, register
from deid_platform.audit.heads.likeness import looks_like_a_face, verify_likeness
from deid_platform.audit.heads.picture import Pictures, pictures
from deid_platform.audit.heads.proof import measured, shows_face
from deid_platform.audit.heads.surface import views
from deid_platform.audit.heads.volumes import Pair, Place, places_of
from deid_platform.audit.proof import HeadsProof
from deid_platform.errors import StoreError
from deid_platform.layout import face_picture_key, head_picture_key
from deid_platform.manifest import Manifest
from deid_platform.model import Entry, Finding, HeadRule, PixelRule, Reason
from deid_platform.stages.pipeline import Pipeline
from deid_platform.stages.task import Broken, StoreBroken, landed_object, own_object, own_store
from deid_platform.store.protocol import Store
from deid_platform.workers import Compute, Lost

_MOST = 3
"""Volumes of a Frame of Reference that are measured, the largest: the same was removed from all of them."""
_NO_HEADS = (PixelRule.NO_PIXEL_DATA, PixelRule.SLIDE_LEVELS)
_RULE = str(Reason.FACE_NOT_PROVEN_GONE)


@dataclass(frozen=True, slots=True)
class Study:
    """Items of one study that agree on whether something was removed, and the landing keys of their originals."""

    entries: tuple[Entry, ...]
    sources: tuple[str, ...]
    removed: bool


@dataclass(frozen=True, slots=True)
class Proven:
    """What is wrong with items of a study, and counts."""

    findings: tuple[Finding, ...]
    counts: Counter[str]


@dataclass(frozen=True, slots=True)
class Prove:
    """The task of measuring one study."""

    landing: Store
    trusted: Store
    batch: str
    digest: str

    def __call__(self, study: Study) -> Proven | Broken:
        """Everything wrong with the heads of a study; what cannot be measured is wrong."""
        try:
            with ExitStack() as stack:
                both = zip(study.entries, study.sources, strict=True)
                return self._proven(study, [self._pair(stack, entry, source) for entry, source in both])
        except StoreBroken as error:
            return Broken(str(error))
        except Exception as error:  # noqa: BLE001 - what cannot be measured is not released
            return Proven(tuple(_finding(entry.item, type(error).__name__) for entry in study.entries), Counter())

    def _pair(self, stack: ExitStack, entry: Entry, source: str) -> Pair:
        output = stack.enter_context(own_object(self.trusted, entry.object))
        original = stack.enter_context(landed_object(self.landing, source)) if source else output
        return Pair(entry.item, original, output, bool(entry.masking.masked))

    def _proven(self, study: Study, pairs: Sequence[Pair]) -> Proven:
        findings: list[Finding] = []
        counts: Counter[str] = Counter()
        for number, place in enumerate(places_of(pairs)):
            if study.removed:
                kinds = self._removed(place, counts, (study.entries[0].study, number))
            else:
                kinds = _untouched(place, counts)
            findings += [_finding(item, kind) for item in place.items for kind in kinds]
        return Proven(tuple(findings), counts)

    def _removed(self, place: Place, counts: Counter[str], name: tuple[str, int]) -> list[str]:
        """What is not proven of a place something was removed from; pictures of its first volume are kept."""
        failures = []
        shown: Pictures | None = None
        pose: Registered | None = None
        for volume in islice(place.volumes(), _MOST):
            found = register(volume)
            seen, failed = views(volume, found), measured(volume, found).failures(face=True)
            # What is not proven needs no second opinion.
            failures.append(failed or (["face_seen"] if looks_like_a_face(seen) else []))
            pose = pose or (None if failures[-1] else found)
            shown = shown or pictures(seen)
        kinds = sorted({*_judged(failures, counts), *_misplaced(place, pose)})
        if shown is not None:
            with own_store():
                self.trusted.write(head_picture_key(self.batch, self.digest, *name), shown.both)
                if not kinds:
                    self.trusted.write(face_picture_key(self.batch, self.digest, place.items[0]), shown.after)
        return kinds


def _misplaced(place: Place, pose: Registered | None) -> list[str]:
    """What is not proven of mosaics, where a finer volume showed the head to lie: their slices may be out of order."""
    if pose is None:
        return []
    return [kind for volume in place.mosaics() for kind in measured(volume, pose).misplaced()]


def _judged(failures: Sequence[list[str]], counts: Counter[str]) -> list[str]:
    """What is not proven of a place: one of its volumes must be proven, and none disproven."""
    located = [failed for failed in failures if failed != ["not_located"]]
    counts["removed"] += len(failures)
    counts["proven"] += sum(not failed for failed in located)
    if not located:
        return ["not_located"]
    return sorted({kind for failed in located for kind in failed})


def _untouched(place: Place, counts: Counter[str]) -> list[str]:
    """Whether a place nothing was removed from shows a face all the same."""
    if place.folded:
        return ["not_located"]
    counts["untouched"] += min(place.count, _MOST)
    return ["face_left"] if any(map(shows_face, islice(place.volumes(), _MOST))) else []


def _finding(item: str, kind: str) -> Finding:
    return Finding(item, "pixels", kind, _RULE)


def prove_heads(
    pipeline: Pipeline, raw: Manifest, cleaned: Manifest, digest: str
) -> tuple[HeadsProof, tuple[Finding, ...]]:
    """Measure all studies of a batch, where the policy has heads looked for.

    Raises
    ------
    StoreError
        A worker could not use the platform's own stores.
    DeidError
        The gate's model is missing or changed.
    """
    options = pipeline.policy.heads.at(pipeline.identity.site)
    if not options.looks:
        return HeadsProof(), ()
    sources = {entry.item: entry.object for entry in raw.entries}
    task = Prove(pipeline.zones.landing, pipeline.zones.trusted, cleaned.batch, digest)
    counts, findings = prove_studies(pipeline.compute, task, sources, cleaned.passed)
    unjudged = sum(not entry.masking.head and entry.rule not in _NO_HEADS for entry in cleaned.passed)
    proof = HeadsProof(True, counts["removed"], counts["proven"], counts["untouched"], unjudged)
    return proof, tuple(findings)


def prove_studies(
    compute: Compute, task: Prove, sources: Mapping[str, str], cleaned: Iterable[Entry]
) -> tuple[Counter[str], list[Finding]]:
    """Counts of the volumes measured, and what is wrong; ``sources`` tells where the originals of the items lie.

    Raises
    ------
    StoreError
        A worker could not use the platform's own stores.
    DeidError
        The gate's model is missing or changed.
    """
    verify_likeness()
    counts: Counter[str] = Counter()
    findings: list[Finding] = []
    with closing(compute.run(task, _studies(sources, cleaned))) as results:
        for study, result in results:
            if isinstance(result, Broken):
                raise StoreError(result.message)
            if isinstance(result, Lost):
                findings += [_finding(entry.item, result.error) for entry in study.entries]
            else:
                findings += result.findings
                counts += result.counts
    return counts, findings


def _studies(sources: Mapping[str, str], cleaned: Iterable[Entry]) -> Iterator[Study]:
    """Studies with items in space, apart by whether something was removed; originals only where it was."""
    groups: dict[tuple[str, bool], list[Entry]] = defaultdict(list)
    for entry in cleaned:
        if entry.masking.head in (HeadRule.NO_HEAD, HeadRule.NO_FACE):
            groups[entry.study, False].append(entry)
        elif entry.masking.head and HeadRule(entry.masking.head).removed:
            groups[entry.study, True].append(entry)
    for (_, removed), entries in sorted(groups.items()):
        yield Study(tuple(entries), tuple(sources.get(one.item, "") if removed else "" for one in entries), removed)
