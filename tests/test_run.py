"""A run over a folder with everything wrong in it that people put into folders."""

from __future__ import annotations

import csv
import json
import os
import re
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pytest

from deid_platform.batches import Bounds
from deid_platform.errors import UnsafeToRelease
from deid_platform.identity import Identity
from deid_platform.model import Stage
from deid_platform.policy import load_policy
from deid_platform.run import Order, Summary, run
from deid_platform.store.folder import FolderStore
from deid_platform.workers import Compute, ProcessCompute
from tests.builders.bad_files import PERSON, all_bad, dicomdir, hostile_names, wide_sequence
from tests.builders.chain import KEY, Here, fill, small_files, tree
from tests.builders.dicom import encode, image, leaks, person, report, secondary_capture

pytestmark = pytest.mark.usefixtures("unruled")

IDENTITY = Identity(KEY, "local")

BAD = {
    "empty": "raw: empty",
    "not_dicom": "raw: unsupported_format",
    "truncated_header": "raw: truncated",
    "truncated_file_meta": "raw: malformed",
    "truncated_pixels": "raw: truncated",
    "truncated_fragment": "raw: truncated",
    "short_pixels": "pixel_cleaned: pixels_undecodable",
    "no_preamble": "released",
    "wrong_vr": "pixel_cleaned: pixels_undecodable",
    "unknown_vr": "raw: malformed",
    "odd_length": "released",
    "out_of_order": "released",
    "trailing_junk": "released",
    "deep_nesting": "raw: nested_too_deep",
    "deep_nesting_explicit": "raw: nested_too_deep",
    "deep_nesting_private": "raw: nested_too_deep",
    "wide_sequence": "released",
    "huge_length": "raw: truncated",
    "huge_image": "pixel_cleaned: too_large",
    "undecodable": "scrubbed: pixels_undecodable",
    "private_syntax": "raw: unsupported_format",
    "wrong_syntax": "pixel_cleaned: pixels_undecodable",
    "group_0004": "released",
    "deflated_bomb": "pixel_cleaned: pixels_undecodable",
    "broken_deflate": "raw: truncated",
    "dicomdir_alone": "raw: dicomdir",
    "without_StudyInstanceUID": "raw: missing_uid",
    "without_SeriesInstanceUID": "raw: missing_uid",
    "without_SOPInstanceUID": "raw: missing_uid",
    "without_SOPClassUID": "raw: missing_uid",
}
"""What becomes of every bad file."""


def order(source: Path, output: Path, compute: Compute | None = None, **settings: Any) -> Order:
    return Order(source, output, load_policy("tcia"), IDENTITY, compute or Here(), **settings)


def quarantine(output: Path) -> dict[str, str]:
    """'stage: reason' by path."""
    with (output / "quarantine.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = {row["path"]: f"{row['stage']}: {row['reason']}" for row in rows}
    assert len(found) == len(rows), "a path stands twice in the quarantine"
    return found


def released(crosswalk: Path) -> dict[str, str]:
    """The released file by path."""
    with (crosswalk / "item_map.csv").open(encoding="utf-8", newline="") as file:
        return {row["path"]: row["released"] for row in csv.DictReader(file)}


@dataclass(frozen=True)
class Done:
    """A run that came to its end."""

    source: Path
    output: Path
    crosswalk: Path
    summary: Summary

    @property
    def outcome(self) -> dict[str, str]:
        """'released' or 'stage: reason' by path."""
        return quarantine(self.output) | dict.fromkeys(released(self.crosswalk), "released")


def write_bad(folder: Path) -> None:
    """Every bad file, each as the only one of its study. Deflated ones cannot be changed, but are alone in theirs."""
    root, makers = PERSON.uid_root.encode(), {**all_bad(), "wide_sequence": partial(wide_sequence, 1_000)}
    for number, (name, make) in enumerate(makers.items()):
        fill(folder, {name: make().replace(root, root[:-2] + b"%02d" % number)})


def write_odd(folder: Path) -> None:
    """Duplicates, a study of two patients, missing numbers, text in the pixels, and what is no regular file."""
    first = encode(image(person(5)))
    fill(folder, {
        "good": encode(image(person(6))),
        "twice/1": first,
        "twice/2": first,
        "twice/3": encode(image(person(5), ImageComments="other bytes")),
        "mixed/1": encode(image(person(5), study=2, instance=1)),
        "mixed/2": encode(image(person(5), study=2, instance=2, PatientID=person(6).patient_id)),
        "nobody": encode(image(person(5), study=3, PatientID=None)),
        "text": encode(secondary_capture(person(7), f"{person(0).family}, {person(0).given}")),
    })  # fmt: skip
    os.mkfifo(folder / "pipe")
    (folder / "nowhere").symlink_to(folder / "not there")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    base = tmp_path_factory.mktemp("run")
    source = base / "in"
    for name, write in (("bad", write_bad), ("odd", write_odd), ("set", dicomdir)):
        (source / name).mkdir(parents=True)
        write(source / name)
    names = enumerate(hostile_names(person(4)), 1)
    fill(source / "names", {name: encode(report(person(4), instance=number)) for number, name in names})
    summary = run(order(source, base / "out", ProcessCompute(2, 120.0), crosswalk=base / "vault"))
    return Done(source, base / "out", base / "vault", summary)


def paths(folder: Path) -> set[str]:
    """Every file below, as bytes that are no UTF-8 are written in results."""
    found = set()
    for place, _, files in os.walk(os.fsencode(folder)):
        found |= {os.path.join(place, file).removeprefix(os.fsencode(folder) + b"/") for file in files}
    return {path.replace(b"%2f", b"%252f").replace(b"%00", b"%2500").replace(b"\xff", b"%FF").replace(b"\xfe", b"%FE")
            .decode() for path in found}  # fmt: skip


def test_every_file_is_released_or_quarantined_and_none_is_lost(done: Done) -> None:
    assert quarantine(done.output).keys() | released(done.crosswalk).keys() == paths(done.source)
    assert not quarantine(done.output).keys() & released(done.crosswalk).keys()


def test_found_is_released_and_quarantined_exactly(done: Done) -> None:
    counts = done.summary
    assert counts.found == counts.released + counts.quarantined == len(paths(done.source))
    assert counts.released == len(released(done.crosswalk)) == len(tree(done.output / "released"))
    assert counts.quarantined == len(quarantine(done.output))


@pytest.mark.parametrize("name", all_bad())
def test_a_bad_file_ends_as_it_should_and_takes_no_other_along(done: Done, name: str) -> None:
    assert done.outcome[f"bad/{name}"] == BAD[name]


@pytest.mark.parametrize(
    ("path", "outcome"),
    [
        ("odd/good", "released"),
        ("odd/twice/1", "released"),
        ("odd/twice/2", "raw: duplicate"),
        ("odd/twice/3", "raw: duplicate_uid"),
        ("odd/mixed/1", "raw: patient_conflict"),
        ("odd/mixed/2", "raw: patient_conflict"),
        ("odd/nobody", "released"),
        ("odd/text", "released"),
        ("odd/pipe", "raw: unreadable"),
        ("odd/nowhere", "raw: source_changed"),
        ("set/DICOMDIR", "raw: dicomdir"),
    ],
)
def test_an_odd_file_ends_as_it_should(done: Done, path: str, outcome: str) -> None:
    assert done.outcome[path] == outcome


def test_no_file_name_keeps_a_file_from_release(done: Done) -> None:
    outcomes = {path: outcome for path, outcome in done.outcome.items() if path.startswith("names/")}
    assert len(outcomes) == len(hostile_names(person(4)))
    assert set(outcomes.values()) == {"released"}


def test_no_released_byte_and_no_released_name_tells_who_it_was(done: Done) -> None:
    kept = {"serial", "station"}  # this profile keeps the identity of devices
    subjects = {IDENTITY.subject(person(number).patient_id, ""): number for number in range(8)}
    found = {}
    for path, target in released(done.crosswalk).items():
        data = (done.output / "released" / target).read_bytes() + target.encode()
        owner = subjects.get(target.partition("/")[0])
        for number in range(8):
            # A shifted date of one person may well be the true date of another.
            dates = () if number == owner else ("birth_date", "study_date")
            found[path, number] = leaks(person(number), data, {*kept, *dates})
    assert not {path: tokens for path, tokens in found.items() if tokens}


def test_the_summary_says_what_was_done(done: Done) -> None:
    written = json.loads((done.output / "summary.json").read_bytes())
    counts = Counter(outcome.partition(": ")[2] for outcome in quarantine(done.output).values())
    assert {name: written[name] for name in ("found", "released", "quarantined", "duplicates")} == {
        "found": done.summary.found,
        "released": done.summary.released,
        "quarantined": done.summary.quarantined,
        "duplicates": 1,
    }
    assert written["reasons"] == counts
    assert written["profile"] == "tcia"
    assert written["seconds"].keys() == {*map(str, Stage), "gate"}
    assert written["bytes"].keys() == set(map(str, Stage))
    assert written["bytes"]["released"] == sum(
        path.stat().st_size for path in (done.output / "released").rglob("*.dcm")
    )


def test_nothing_but_the_results_is_left(done: Done) -> None:
    assert {path.name for path in done.output.iterdir()} == {"released", "reports", "quarantine.csv", "summary.json"}


def test_each_batch_has_a_report_which_names_nobody(done: Done) -> None:
    pages = [path.read_bytes() for path in (done.output / "reports").iterdir()]
    counts = [int(count) for page in pages for count in re.findall(rb">found</td><td[^>]*>(\d+)<", page)]
    assert sum(counts) == done.summary.found
    assert len(counts) == len(pages) > 0
    assert not [number for number in range(9) for page in pages if leaks(person(number), page)]


REPORTS = {f"{n}.dcm": encode(report(person(n))) for n in range(8)}


def test_a_single_file_is_run_alone_whatever_its_name(tmp_path: Path) -> None:
    for number, name in enumerate(("Quintrelle \udcff.dcm", "100%41.dcm", "-n.dcm")):
        fill(tmp_path / "in", {name: REPORTS["1.dcm"], "neighbour.dcm": REPORTS["2.dcm"]})
        summary = run(order(tmp_path / "in" / name, tmp_path / f"out{number}"))
        assert (summary.found, summary.released) == (1, 1)


def test_a_single_file_is_found_without_a_look_at_its_neighbours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: Any) -> NoReturn:
        raise AssertionError("a folder was listed for the sake of one file")

    fill(tmp_path / "in", {"a.dcm": REPORTS["1.dcm"]})
    monkeypatch.setattr(FolderStore, "list", forbidden)
    assert run(order(tmp_path / "in/a.dcm", tmp_path / "out")).found == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="The superuser may read every file.")
def test_a_file_without_permission_is_refused_alone(tmp_path: Path) -> None:
    fill(tmp_path / "in", {"a.dcm": REPORTS["1.dcm"], "b.dcm": REPORTS["2.dcm"]})
    (tmp_path / "in/a.dcm").chmod(0)
    run(order(tmp_path / "in", tmp_path / "out"))
    assert quarantine(tmp_path / "out") == {"a.dcm": "raw: unreadable"}


def test_an_empty_folder_is_done_at_once(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    summary = run(order(tmp_path / "in", tmp_path / "out"))
    assert (summary.found, summary.released, summary.quarantined) == (0, 0, 0)
    assert quarantine(tmp_path / "out") == {}


def test_bounds_make_several_batches_and_the_same_bytes(tmp_path: Path) -> None:
    fill(tmp_path / "in", {name: REPORTS[name] for name in ("1.dcm", "2.dcm", "3.dcm")} | {"empty": b""})
    one = run(order(tmp_path / "in", tmp_path / "one"))
    many = run(order(tmp_path / "in", tmp_path / "many", bounds=Bounds(max_objects=2)))
    assert tree(tmp_path / "one/released") == tree(tmp_path / "many/released")
    assert (one.found, one.released) == (many.found, many.released) == (4, 3)


def test_a_batch_that_fails_the_gate_is_not_released_and_the_others_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "in", {"1.dcm": REPORTS["1.dcm"], "2.dcm": REPORTS["2.dcm"]})
    from deid_platform import run as module

    judge = module.judge_batch
    tampered: list[str] = []

    def tamper_with_one(pipeline: Any, batch: str) -> Any:
        if not tampered:
            (path,) = (tmp_path / "out/.work/scrubbed" / batch).rglob("*.dcm")
            path.write_bytes(b"something else")
            tampered.append(batch)
        return judge(pipeline, batch)

    monkeypatch.setattr(module, "judge_batch", tamper_with_one)
    with pytest.raises(UnsafeToRelease, match=r"did not pass the gate \(objects_intact\)"):
        run(order(tmp_path / "in", tmp_path / "out", bounds=Bounds(max_objects=1)))
    assert len(tree(tmp_path / "out/released")) == 1
    assert json.loads((tmp_path / "out/summary.json").read_bytes())["released"] == 1


def test_a_second_run_into_the_same_folder_gives_the_same(tmp_path: Path) -> None:
    fill(tmp_path / "in", small_files())
    run(order(tmp_path / "in", tmp_path / "out"))
    before = tree(tmp_path / "out/released"), quarantine(tmp_path / "out")
    run(order(tmp_path / "in", tmp_path / "out"))
    assert (tree(tmp_path / "out/released"), quarantine(tmp_path / "out")) == before
