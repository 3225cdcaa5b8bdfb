"""The whole chain over a folder, without Dagster: the same stages and the same gate as the assets."""

from __future__ import annotations

import csv
import io
import json
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deid_platform.audit.expectations import import_library
from deid_platform.batches import Batch, Bounds, Landed, plan
from deid_platform.crosswalk import crossings, write_crosswalk
from deid_platform.errors import StoreError, UnsafeToRelease
from deid_platform.formats.protocol import Crossing
from deid_platform.identity import Identity
from deid_platform.intake import survey
from deid_platform.layout import Zones, ledger_folder
from deid_platform.manifest import Manifest
from deid_platform.model import Reason, Stage, StoredObject
from deid_platform.pixels.inference import DetectorSpec, choose_detector
from deid_platform.policy import Policy
from deid_platform.stages.gate import judge_batch
from deid_platform.stages.pipeline import Pipeline, Progress, StageResult, silent
from deid_platform.stages.pixels import clean_pixels
from deid_platform.stages.raw import take_in, write_sealed
from deid_platform.stages.released import release, report_of
from deid_platform.stages.scrubbed import scrub
from deid_platform.store import keys
from deid_platform.store.folder import FolderStore
from deid_platform.store.landing import as_landing, named
from deid_platform.vault import Vault, deposit
from deid_platform.workers import Compute

WORK, FINISHED = ".work", ".work-finished"
RELEASED, REPORTS = "released", "reports"
SUMMARY, QUARANTINE, ORDER = "summary.json", "quarantine.csv", "order.json"


@dataclass(frozen=True, slots=True)
class Order:
    """A run as asked for: ``source`` is a file or folder, ``crosswalk`` a folder; to ``vault`` goes one encrypted.

    Without a ``detector`` this machine chooses the text detector that suits it.
    """

    source: Path
    output: Path
    policy: Policy
    identity: Identity
    compute: Compute
    crosswalk: Path | None = None
    vault: Vault | None = None
    bounds: Bounds = Bounds()
    detector: DetectorSpec | None = None


@dataclass(slots=True)
class Summary:
    """What a run did: items, and per stage seconds spent and bytes that came through."""

    found: int = 0
    released: int = 0
    quarantined: int = 0
    duplicates: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)

    def add_cost(self, stage: str, seconds: float, size: int | None = None) -> None:
        """Count the seconds a stage took for one batch, and the bytes that came through it."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds
        if size is not None:
            self.bytes[stage] = self.bytes.get(stage, 0) + size

    def as_dict(self) -> dict[str, object]:
        """Plain values, for JSON."""
        return {
            "found": self.found,
            "released": self.released,
            "quarantined": self.quarantined,
            "duplicates": self.duplicates,
            "reasons": dict(sorted(self.reasons.items())),
            "seconds": {stage: round(value, 3) for stage, value in self.seconds.items()},
            "bytes": dict(self.bytes),
        }


@dataclass(slots=True)
class _Ledger:
    """What the batches of a run add up to. Paths are PHI: they go to the files the user asked for, nowhere else."""

    summary: Summary
    quarantine: list[tuple[str, str, str]] = field(default_factory=list)
    released: dict[str, str] = field(default_factory=dict)
    crossings: list[Crossing] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def run(order: Order, progress: Progress = silent) -> Summary:
    """De-identify everything under ``order.source`` into ``order.output``.

    Writes ``released/``, ``reports/``, ``quarantine.csv``, ``summary.json`` and the crosswalk. What an interrupted run
    had finished is not done again.

    Raises
    ------
    StoreError
        A folder cannot be read or written, or does not fit this order.
    UnsafeToRelease
        The gate did not pass a batch; all others were released.
    """
    _check_folders(order)
    threading.Thread(target=import_library, daemon=True).start()
    output = order.output
    source = order.source if order.source.is_dir() else order.source.parent
    landing, trusted, released = (FolderStore(str(place)) for place in (source, output / WORK, output / RELEASED))
    zones = Zones(as_landing(landing), trusted, released, flat=True)
    detector = order.detector or choose_detector()
    pipeline = Pipeline(zones, order.policy, order.identity, order.compute, progress, detector)
    made_with = _mark(order, pipeline)
    ledger = _Ledger(Summary())
    for batch in _batches(order, zones):
        _run_batch(order, pipeline, batch, ledger)
    _write_results(order, made_with, ledger)
    if ledger.failed:
        raise UnsafeToRelease(" ".join(ledger.failed))
    _discard_work(output)
    return ledger.summary


def _check_folders(order: Order) -> None:
    """Refuse places that would mix originals with results."""
    source, output = order.source.resolve(), order.output.resolve()
    if not source.exists():
        raise StoreError("INPUT does not exist.")
    folder = source if source.is_dir() else source.parent
    if output == folder or (source.is_dir() and source in output.parents) or output in source.parents:
        raise StoreError("INPUT and OUTPUT lie inside each other: choose an OUTPUT elsewhere.")
    for place in _crosswalk_places(order):
        if {place, *place.parents} & {source, output / RELEASED, output / WORK}:
            raise StoreError("The crosswalk would lie among the originals or the released files: "
                             "choose another folder.")


def _crosswalk_places(order: Order) -> Iterator[Path]:
    """Folders that will hold a crosswalk."""
    if order.crosswalk is not None:
        yield order.crosswalk.resolve()
    if order.vault is not None and isinstance(order.vault.store, FolderStore):
        yield Path(order.vault.store.root).resolve()


def _mark(order: Order, pipeline: Pipeline) -> dict[str, str]:
    """An output folder belongs to one policy, key and engine, so that no release mixes two of them."""
    naming = order.identity.naming()
    mark = {"release": pipeline.digest(Stage.RELEASED, naming), "cleaning": pipeline.digest(Stage.PIXEL_CLEANED, "")}
    work = order.output / WORK
    for place in (work / ORDER, order.output / SUMMARY):
        if place.exists() and _noted(place).get("made_with") != mark:
            raise StoreError("OUTPUT holds results of another profile, key, site, version or mapping file: "
                             "choose an empty folder.")
    shutil.rmtree(order.output / FINISHED, ignore_errors=True)
    try:
        work.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        raise StoreError("OUTPUT cannot be written: check its permissions and the room left on its disk.") from None
    pipeline.zones.trusted.write(ORDER, json.dumps({"made_with": mark}).encode())
    return mark


def _noted(place: Path) -> dict[str, Any]:
    """What a JSON file of ours says; nothing when it is not one."""
    try:
        noted = json.loads(place.read_bytes())
    except (OSError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def _discard_work(output: Path) -> None:
    """Half of the intermediate results would mislead the next run, so they go at once by a new name, then in peace."""
    shutil.rmtree((output / WORK).rename(output / FINISHED))


def _batches(order: Order, zones: Zones) -> list[Batch]:
    objects = list(_objects(order, zones))
    studies = survey(zones, order.identity, objects, ledger_folder("run"), deadline=float("inf")) or {}
    landed = [Landed(found.key, found.size, found.etag, studies[found.key]) for found in objects]
    return plan(landed, order.bounds, order.identity)


def _objects(order: Order, zones: Zones) -> Iterator[StoredObject]:
    if order.source.is_dir():
        yield from zones.landing.list()
    else:
        yield from named(zones.landing, keys.from_name(order.source.name))


def _run_batch(order: Order, pipeline: Pipeline, batch: Batch, ledger: _Ledger) -> None:
    write_sealed(pipeline.zones.trusted, batch)
    raw = take_in(pipeline, batch.id)
    results = [raw, scrub(pipeline, batch.id), clean_pixels(pipeline, batch.id)]
    gate = judge_batch(pipeline, batch.id)
    ledger.summary.add_cost("gate", gate.seconds)
    try:
        results.append(release(pipeline, batch.id))
    except UnsafeToRelease as error:
        ledger.failed.append(str(error))
    for result in results:
        ledger.summary.add_cost(str(result.manifest.stage), result.seconds, result.bytes)
    if len(results) == len(Stage):
        _account(ledger, raw.manifest, results[-1])
        page = report_of(pipeline, results[-1].manifest, gate.verdict)
        FolderStore(str(order.output)).write(f"{REPORTS}/{batch.id}.html", page)
        if order.crosswalk is not None:
            items = {entry.item for entry in results[-1].manifest.passed}
            ledger.crossings += dict.fromkeys(crossings(pipeline, raw.manifest, items))
        if order.vault is not None:
            deposit(pipeline, batch.id, order.vault)


def _account(ledger: _Ledger, raw: Manifest, final: StageResult) -> None:
    paths = {entry.item: entry.object for entry in raw.entries}
    summary = ledger.summary
    summary.found += len(raw.entries)
    for entry in final.manifest.passed:
        summary.released += 1
        ledger.released[paths[entry.item]] = entry.object
    for entry in final.manifest.quarantined:
        summary.quarantined += 1
        summary.duplicates += entry.reason == Reason.DUPLICATE
        summary.reasons[entry.reason] += 1
        ledger.quarantine.append((paths[entry.item], entry.stage, entry.reason))


def _write_results(order: Order, made_with: dict[str, str], ledger: _Ledger) -> None:
    """The files a run promises; the summary last, because its presence says that the run came to its end."""
    results = FolderStore(str(order.output))
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(("path", "stage", "reason"))
    writer.writerows(sorted(ledger.quarantine))
    results.write(QUARANTINE, table.getvalue().encode())
    if order.crosswalk is not None:
        write_crosswalk(order.crosswalk, ledger.crossings, ledger.released)
    summary = ledger.summary.as_dict() | {"profile": order.policy.name, "made_with": made_with}
    results.write(SUMMARY, (json.dumps(summary, indent=2) + "\n").encode())
