"""Patients named by a mapping file, through all stages: what is new in the file is made, the rest stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pydicom
import pytest

from deid_platform.errors import UnsafeToRelease
from deid_platform.mapping import with_mapping
from deid_platform.stages.pipeline import Pipeline
from deid_platform.stages.raw import take_in
from deid_platform.stages.scrubbed import scrub, scrubbed_digest
from deid_platform.subjects import SubjectRules, Unknown
from tests.builders.chain import land, pipeline, run_chain, seal
from tests.builders.dicom import encode, image, person, report

FILES = {"a.dcm": encode(image(person(0))), "b.dcm": encode(report(person(1)))}
FIRST = f"{person(0).patient_id},TRIAL-1\n"
SECOND = f"{person(1).patient_id},TRIAL-2\n"
REFUSING = SubjectRules(unknown=Unknown.QUARANTINE)

pytestmark = pytest.mark.usefixtures("unruled")


def naming(line: Pipeline, rows: str, rules: SubjectRules = REFUSING) -> Pipeline:
    data = f"patient_id,pseudonym\n{rows}".encode()
    return replace(line, identity=with_mapping(replace(line.identity, rules=rules), rules, data, "m.csv"))


@pytest.fixture
def line(tmp_path: Path) -> Pipeline:
    land(tmp_path, FILES)
    return pipeline(tmp_path)


def released_names(root: Path) -> set[str]:
    return {str(pydicom.dcmread(path).PatientID) for path in (root / "released").rglob("*.dcm")}


def test_unknown_patients_wait_until_the_file_names_them(line: Pipeline, tmp_path: Path) -> None:
    (batch,) = seal(line)
    first = run_chain(naming(line, FIRST), batch)
    assert first.outcome == {"a.dcm": "released", "b.dcm": "scrubbed: unknown_subject"}
    assert released_names(tmp_path) == {"TRIAL-1"}
    second = run_chain(naming(line, FIRST + SECOND), batch)
    assert second.outcome == {"a.dcm": "released", "b.dcm": "released"}
    assert second.raw.digest == first.raw.digest
    assert second.raw.seconds == 0
    assert released_names(tmp_path) == {"TRIAL-1", "TRIAL-2"}


def test_places_and_manifests_hold_the_opaque_subject_only(line: Pipeline, tmp_path: Path) -> None:
    (batch,) = seal(line)
    chain = run_chain(naming(line, FIRST + SECOND), batch)
    subjects = {line.identity.subject(person(number).patient_id, "") for number in (0, 1)}
    assert {entry.subject for entry in chain.released.manifest.passed} == subjects
    assert not [path for path in tmp_path.rglob("*") if "TRIAL" in path.name]


def test_a_batch_without_the_new_patients_is_not_made_again(line: Pipeline) -> None:
    (batch,) = seal(line)
    short, longer = naming(line, FIRST + SECOND), naming(line, "KX-77,TRIAL-3\n" + FIRST + SECOND)
    other = naming(line, FIRST + SECOND.replace("TRIAL-2", "TRIAL-9"))
    take_in(short, batch)
    assert scrubbed_digest(short, batch) == scrubbed_digest(longer, batch) != scrubbed_digest(other, batch)
    assert scrubbed_digest(short, batch) != scrubbed_digest(line, batch)


def test_the_rule_for_unknown_patients_counts_where_there_are_some(line: Pipeline) -> None:
    (batch,) = seal(line)
    deriving = SubjectRules()
    take_in(line, batch)
    some, all_known = FIRST, FIRST + SECOND
    assert scrubbed_digest(naming(line, some), batch) != scrubbed_digest(naming(line, some, deriving), batch)
    assert scrubbed_digest(naming(line, all_known), batch) == scrubbed_digest(naming(line, all_known, deriving), batch)
    outcome = run_chain(naming(line, some, deriving), batch).outcome
    assert outcome == {"a.dcm": "released", "b.dcm": "released"}


def test_without_raw_nobody_knows_whom_to_name(line: Pipeline) -> None:
    (batch,) = seal(line)
    with pytest.raises(UnsafeToRelease, match="materialise raw first"):
        scrub(naming(line, FIRST), batch)
