"""Names of files tell whose slides, pictures and NIfTI images are, where a site says how."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest

from deid_platform.errors import VaultError
from deid_platform.identity import Identity
from deid_platform.naming import SubjectSettings, named
from deid_platform.policy import load_policy
from deid_platform.run import Order, Summary, run
from tests.builders.chain import KEY, Here, fill
from tests.builders.dicom import encode, image, person
from tests.builders.mirax import Mirax
from tests.builders.nifti import nifti_bytes, ramp
from tests.builders.pictures import grey, saved
from tests.builders.slides import aperio, tiff_bytes

pytestmark = pytest.mark.usefixtures("unread", "unruled")

NUMBER = person(0).patient_id
PATTERN = r"(?:^|/)patient-(?P<subject>[^/]+)/"


def fill_drop(folder: Path, other: str = "Z-99417") -> None:
    """A patient's DICOM, slides and NIfTI, and NIfTI and a picture of ``other``, by folders."""
    nifti = nifti_bytes(ramp(8, 8, 4))
    fill(folder, {
        "image.dcm": encode(image(person(0), rows=32, columns=32)), f"patient-{NUMBER}/slide.svs": tiff_bytes(aperio()),
        f"patient-{NUMBER}/head.nii": nifti, f"patient-{other}/head.nii": nifti,
        f"patient-{other}/shot.png": saved(grey()),
    })  # fmt: skip
    Mirax().save(folder / f"patient-{NUMBER}")


def go(base: Path, identity: Identity) -> Summary:
    return run(Order(base / "in", base / "out", load_policy("tcia"), identity, Here(), crosswalk=base / "maps"))


def identity(**settings: str) -> Identity:
    return named(Identity(KEY, "local"), SubjectSettings(subject_pattern=PATTERN, **settings))


def subjects(base: Path) -> dict[str, set[str]]:
    """Kinds of released files by subject."""
    found: dict[str, set[str]] = {}
    for path in (base / "out/released").rglob("*"):
        if path.is_file():
            found.setdefault(path.relative_to(base / "out/released").parts[0], set()).add(path.suffix)
    return found


def test_files_of_one_patient_share_the_subject_of_the_dicom_side(tmp_path: Path) -> None:
    fill_drop(tmp_path / "in")
    here = identity()
    assert go(tmp_path, here).quarantined == 0
    assert subjects(tmp_path) == {
        here.subject(NUMBER, ""): {".dcm", ".svs", ".nii", ".tar"},
        here.subject("Z-99417", ""): {".nii", ".png"},
    }
    with (tmp_path / "maps/patient_map.csv").open(newline="", encoding="utf-8") as file:
        assert {row[0] for row in list(csv.reader(file))[1:]} == {NUMBER, "Z-99417"}
    for path in (tmp_path / "out/released").rglob("*"):
        assert "99417" not in str(path)
        assert path.is_dir() or b"99417" not in path.read_bytes()


def test_a_mapping_file_names_patients_of_slides_and_others_are_held_back(tmp_path: Path) -> None:
    fill_drop(tmp_path / "in")
    mapping = tmp_path / "m.csv"
    mapping.write_text(f"patient_id,pseudonym\n{NUMBER},TRIAL-001\n", "utf-8")
    here = identity(mapping=str(mapping))
    assert go(tmp_path, here).quarantined == 2
    assert set(subjects(tmp_path)) == {here.subject(NUMBER, "")}
    (released,) = (tmp_path / "out/released").rglob("*.dcm")
    assert pydicom.dcmread(released).PatientID == "TRIAL-001"
    with (tmp_path / "out/quarantine.csv").open(newline="", encoding="utf-8") as file:
        assert {row["reason"] for row in csv.DictReader(file)} == {"unknown_subject"}


def test_whom_no_name_tells_is_unknown_to_a_mapping_file(tmp_path: Path) -> None:
    fill_drop(tmp_path / "in")
    mapping = tmp_path / "m.csv"
    mapping.write_text(f"patient_id,pseudonym\n{NUMBER},TRIAL-001\n", "utf-8")
    summary = go(tmp_path, named(Identity(KEY, "local"), SubjectSettings(mapping=str(mapping))))
    assert (summary.released, summary.quarantined) == (1, 5)


def test_a_sidecar_goes_with_the_image_beside_it_and_tables_of_a_dataset_are_of_nobody(tmp_path: Path) -> None:
    fill(tmp_path / "in", {
        "patient-7/sub-a/anat/sub-a_T1w.nii": nifti_bytes(ramp(8, 8, 4)),
        "patient-7/sub-a/anat/sub-a_T1w.json": b'{"EchoTime": 1}',
        "patient-7/participants.tsv": b"participant_id\tage\nsub-a\t30\n",
    })  # fmt: skip
    here = identity()
    assert go(tmp_path, here).quarantined == 0
    label = here.subject("7", "")
    assert sorted(str(path.relative_to(tmp_path / "out/released")) for path in (tmp_path / "out/released").rglob("*.*")
                  if path.is_file()) == ["participants.tsv", f"sub-{label}/anat/sub-{label}_T1w.json",
                                         f"sub-{label}/anat/sub-{label}_T1w.nii"]  # fmt: skip


def test_a_pattern_that_cannot_be_used_is_refused_with_its_number() -> None:
    with pytest.raises(VaultError, match=r"^Subject pattern 2 cannot be used: it has no group \(\?P<subject>"):
        named(Identity(KEY, "local"), SubjectSettings(subject_pattern="(?P<subject>x)\npatient"))


def test_the_first_pattern_that_is_found_counts_and_results_depend_on_them() -> None:
    here = named(Identity(KEY, "local"), SubjectSettings(subject_pattern="a/(?P<subject>\\d+)\n\nb/(?P<subject>\\w+)"))
    assert here.rules.number_in("a/12/b") == "12"
    assert here.rules.number_in("b/c") == "c"
    assert here.rules.number_in("-") == ""
    assert here.fingerprint != Identity(KEY, "local").fingerprint
    assert here.fingerprint != replace(here, rules=replace(here.rules, patterns=here.rules.patterns[::-1])).fingerprint
