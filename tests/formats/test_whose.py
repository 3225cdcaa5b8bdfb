"""The crosswalk calls a patient what released files call it, also where numberings are kept apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from deid_platform.formats.registry import format_of
from deid_platform.identity import Identity
from deid_platform.policy import load_policy
from deid_platform.subjects import Issuers, SubjectRules
from tests.builders.mirax import Mirax
from tests.builders.nifti import nifti_bytes, ramp
from tests.builders.pictures import grey, saved
from tests.builders.rda import rda_file
from tests.builders.slides import aperio, tiff_bytes
from tests.builders.twix import raw_file

PATTERNS = (r"patient-(?P<subject>\d+)/",)
FILES = {
    "slide.svs": lambda: tiff_bytes(aperio()),
    "slide.mrxs": lambda: Mirax().archive(),
    "head.nii": lambda: nifti_bytes(ramp(4, 4, 4)),
    "shot.png": lambda: saved(grey()),
    "svs.rda": rda_file,
    "meas.dat": raw_file,
}


@pytest.mark.parametrize("issuers", Issuers)
@pytest.mark.parametrize("file", FILES)
def test_the_crosswalk_knows_a_patient_by_the_released_pseudonym(tmp_path: Path, file: str, issuers: Issuers) -> None:
    identity = Identity(bytes(range(32)), "north", rules=SubjectRules(issuers, patterns=PATTERNS))
    source, name = tmp_path / file, f"patient-4711/{file}"
    source.write_bytes(FILES[file]())
    accepted = format_of(source.read_bytes()[:4096], name)
    subject = accepted.describe(source, identity, name).subject
    crossings = accepted.crosswalk(source, identity, load_policy("tcia"), name)
    patients = [one.new for one in crossings if one.kind == "patient"]
    assert patients == [identity.pseudonym(subject).patient_id]
