from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from deid_platform.errors import StoreError
from deid_platform.model import Stage
from deid_platform.stages.pipeline import StageResult
from deid_platform.stages.raw import item_id, read_sealed, take_in
from tests.builders.chain import DROP, SITE, SMALL_OUTCOME, land, outcome_of, pipeline, seal, small_files
from tests.builders.dicom import encode, image, leaks, person
from tests.builders.objects import override


def taken(root: Path, files: dict[str, bytes]) -> StageResult:
    land(root, files)
    used = pipeline(root)
    (batch,) = seal(used)
    return take_in(used, batch)


def outcomes(result: StageResult) -> dict[str, str]:
    return {entry.object.rpartition("/")[2]: outcome_of(entry) for entry in result.manifest.entries}


def test_every_landed_object_gets_a_row(tmp_path: Path) -> None:
    result = taken(tmp_path, small_files())
    assert outcomes(result) == SMALL_OUTCOME
    assert len(result.manifest.entries) == len(small_files())


def test_a_row_describes_the_object_without_naming_anybody(tmp_path: Path) -> None:
    data = encode(image(person(0)))
    (entry,) = taken(tmp_path, {"a.dcm": data}).manifest.entries
    assert (entry.format, entry.modality, entry.size) == ("dicom", "CT", len(data))
    assert entry.sha256 == hashlib.sha256(data).hexdigest()
    assert entry.object == f"{SITE}/{DROP}/a.dcm"
    assert entry.item == item_id(pipeline(tmp_path).identity, entry.object)
    assert not leaks(person(0), repr(entry).encode())


def test_running_again_does_nothing(tmp_path: Path) -> None:
    first = taken(tmp_path, small_files())
    again = take_in(pipeline(tmp_path), first.manifest.batch)
    assert (again.seconds, again.digest, again.manifest) == (0.0, first.digest, first.manifest)


def test_equal_bytes_are_a_duplicate_and_equal_uids_with_other_bytes_another(tmp_path: Path) -> None:
    first = encode(image(person(0)))
    other = encode(image(person(0), ImageComments="not the same"))
    found = outcomes(taken(tmp_path, {"1.dcm": first, "2.dcm": first, "3.dcm": other, "4.dcm": first}))
    assert found == {
        "1.dcm": "released",
        "2.dcm": "raw: duplicate",
        "3.dcm": "raw: duplicate_uid",
        "4.dcm": "raw: duplicate",
    }


def test_which_of_two_duplicates_counts_is_told_by_their_names(tmp_path: Path) -> None:
    first, other = encode(image(person(0))), encode(image(person(0), ImageComments="not the same"))
    forwards = outcomes(taken(tmp_path / "1", {"x": first, "y": other}))
    backwards = outcomes(taken(tmp_path / "2", {"y": other, "x": first}))
    assert forwards == backwards == {"x": "released", "y": "raw: duplicate_uid"}


def test_a_study_of_two_patients_is_refused_as_a_whole_and_no_other_study(tmp_path: Path) -> None:
    files = {
        "1.dcm": encode(image(person(0), instance=1)),
        "2.dcm": encode(image(person(0), instance=2, PatientID="SOMEBODY-ELSE")),
        "3.dcm": encode(image(person(0), instance=3)),
        "4.dcm": encode(image(person(0), study=2)),
    }
    conflict = dict.fromkeys(["1.dcm", "2.dcm", "3.dcm"], "raw: patient_conflict")
    assert outcomes(taken(tmp_path, files)) == conflict | {"4.dcm": "released"}


def test_a_series_in_two_studies_is_refused_and_no_other_series(tmp_path: Path) -> None:
    elsewhere = override(image(person(0), study=2), {"SeriesInstanceUID": image(person(0)).SeriesInstanceUID})
    files = {
        "1.dcm": encode(image(person(0), instance=1)),
        "2.dcm": encode(elsewhere),
        "3.dcm": encode(image(person(0), study=3)),
    }
    conflict = dict.fromkeys(["1.dcm", "2.dcm"], "raw: series_conflict")
    assert outcomes(taken(tmp_path, files)) == conflict | {"3.dcm": "released"}


def test_a_patient_number_that_is_only_padded_differently_is_no_conflict(tmp_path: Path) -> None:
    files = {
        "1.dcm": encode(image(person(0), instance=1)),
        "2.dcm": encode(image(person(0), instance=2, PatientID=f"{person(0).patient_id}  ")),
    }
    assert set(outcomes(taken(tmp_path, files)).values()) == {"released"}


def test_studies_without_a_patient_number_are_subjects_of_their_own(tmp_path: Path) -> None:
    nameless = [override(image(person(0), study=study), {"PatientID": None}) for study in (1, 2)]
    result = taken(tmp_path, {f"{number}.dcm": encode(ds) for number, ds in enumerate(nameless)})
    assert set(outcomes(result).values()) == {"released"}
    assert len({entry.subject for entry in result.manifest.passed}) == 2


def test_an_object_that_changed_or_went_after_sealing_is_refused_and_the_rest_goes_on(tmp_path: Path) -> None:
    drop = land(tmp_path, {f"{n}.dcm": encode(image(person(0), instance=n)) for n in (1, 2, 3)})
    used = pipeline(tmp_path)
    (batch,) = seal(used)
    (drop / "1.dcm").write_bytes(encode(image(person(0), instance=7)))
    (drop / "2.dcm").unlink()
    found = outcomes(take_in(used, batch))
    assert found == {"1.dcm": "raw: source_changed", "2.dcm": "raw: source_changed", "3.dcm": "released"}


def test_a_landing_zone_that_is_gone_refuses_nothing_and_can_be_made_up_for(tmp_path: Path) -> None:
    land(tmp_path, small_files())
    used = pipeline(tmp_path)
    (batch,) = seal(used)
    (tmp_path / "landing").rename(tmp_path / "unplugged")
    with pytest.raises(StoreError, match="cannot be listed"):
        take_in(used, batch)
    (tmp_path / "unplugged").rename(tmp_path / "landing")
    assert outcomes(take_in(used, batch)) == SMALL_OUTCOME


def test_the_members_of_a_batch_are_read_back_as_they_were_sealed(tmp_path: Path) -> None:
    land(tmp_path, small_files())
    used = pipeline(tmp_path)
    (name,) = seal(used)
    batch = read_sealed(used.zones.trusted, name)
    assert (batch.id, batch.site) == (name, SITE)
    assert {member.key.rpartition("/")[2]: member.size for member in batch.members} == {
        name: len(data) for name, data in small_files().items()
    }


def test_a_batch_that_was_never_sealed_is_an_error_and_no_empty_batch(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        take_in(pipeline(tmp_path), "north-aaaaaaaaaaaaaaaa")


def test_the_manifest_is_the_one_of_the_stage(tmp_path: Path) -> None:
    result = taken(tmp_path, small_files())
    assert (result.manifest.stage, result.reasons) == (
        Stage.RAW,
        {"duplicate": 1, "empty": 1, "unsupported_format": 1},
    )
