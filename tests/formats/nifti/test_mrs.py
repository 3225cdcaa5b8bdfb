from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from deid_platform.formats.nifti.nifti import Nifti
from deid_platform.identity import Identity
from deid_platform.model import Masking
from deid_platform.pixels.cleaning import HeadWork, PixelWork
from deid_platform.pixels.masks import Removed
from deid_platform.policy import load_policy
from tests.builders.nets import WhiteNet
from tests.builders.nifti import nifti_bytes, write_nifti

NIFTI, IDENTITY = Nifti(), Identity(bytes(range(32)))
PLACE = "north/drop/sub-DOE77/mrs/sub-DOE77_svs.nii.gz"
TECHNICAL = {
    "SpectrometerFrequency": [123.2], "ResonantNucleus": ["1H"], "EchoTime": 0.03, "WaterSuppressed": True,
    "kSpace": [False, False, False], "Manufacturer": "SIEMENS", "SequenceName": "svs_se", "dim_5": "DIM_EDIT",
    "dim_5_header": {"EditCondition": ["ON", "OFF"], "EchoTime": {"start": 0.03, "increment": 0.01}},
    "EditPulse": {"ON": {"PulseOffset": 1.9, "PulseDuration": 0.02}, "OFF": {"PulseOffset": 7.5}},
}  # fmt: skip
PERSONAL = {
    "PatientName": "DOE^JANE", "PatientID": "DOE77", "PatientDoB": "19700101", "DeviceSerialNumber": "DOE35031",
    "InstitutionName": "DOE Hospital", "OriginalFile": ["DOE.dat"], "ConversionTime": "2020-01-03T10:00:00",
    "ProtocolName": "DOE press", "Mine": {"Value": "DOE", "Description": "DOE"}, "dim_5_info": "DOE",
    "TxCoil": "DOE coil", "RepetitionTime": "DOE", "InversionTime": 19700101.0, "MixingTime": 1e999,
    "ProcessingApplied": [{"Details": "DOE"}],
}  # fmt: skip


def mrs_bytes(told: Any, *, version: int = 1, order: str = "<", code: int = 44) -> bytes:
    """A file of spectra of two conditions; ``told`` becomes JSON, unless it is bytes."""
    text = told if isinstance(told, bytes) else json.dumps(told).encode()
    text = text.ljust(-(-(len(text) + 8) // 16) * 16 - 8, b"\0")
    rng = np.random.default_rng(7)
    voxels = (rng.normal(size=(1, 1, 1, 64, 2)) + 1j).astype(np.complex64)
    data = bytearray(
        nifti_bytes(voxels, version=version, order=order, code=32, extension=text, planted=b"mrs_v0_10")
    )
    struct.pack_into(order + "i", data, (352 if version == 1 else 544) + 4, code)
    return bytes(data)


def scrubbed(folder: Path, data: bytes, policy: str = "research") -> tuple[Path, Path, Any]:
    source, output = write_nifti(folder / "source", data), folder / "output"
    NIFTI.scrub(source, output, load_policy(policy), IDENTITY, PLACE)
    kind = nibabel.Nifti1Image if data[:1] in b"\x5c\0" and b"n+1" in data[:352] else nibabel.Nifti2Image
    return source, output, kind.from_stream(io.BytesIO(output.read_bytes()))


def findings(source: Path, output: Path) -> set[str]:
    return {one.kind for one in NIFTI.audit("item", source, output, load_policy("research"), IDENTITY, PLACE)}


@pytest.mark.parametrize(("version", "order"), [(1, "<"), (1, ">"), (2, "<"), (2, ">")])
def test_a_file_of_spectra_stays_one_and_tells_nobody(version: int, order: str, tmp_path: Path) -> None:
    data = mrs_bytes(TECHNICAL | PERSONAL, version=version, order=order)
    source, output, image = scrubbed(tmp_path, data)
    assert image.header["intent_name"].item() == b"mrs_v0_10"
    (extension,) = image.header.extensions
    assert extension.get_code() == 44
    assert extension.get_sizeondisk() % 16 == 0
    assert json.loads(extension.get_content()) == TECHNICAL
    assert output.read_bytes()[-1024:] == data[-1024:]
    assert b"DOE" in data
    assert not [part for part in (b"DOE", b"1970") if part in output.read_bytes()]
    assert not findings(source, output)
    assert not list(NIFTI.altered_pixels(source, output, Masking()))


def test_the_order_of_keys_says_nothing(tmp_path: Path) -> None:
    one = scrubbed(tmp_path, mrs_bytes(TECHNICAL))[1].read_bytes()
    assert scrubbed(tmp_path, mrs_bytes(dict(reversed(TECHNICAL.items()))))[1].read_bytes() == one


@pytest.mark.parametrize(
    "told",
    [
        b"DOE", b"[" * 100_000, b'{"SpectrometerFrequency": [1' + b"0" * 5000 + b"]}", b"\xff\xfe", b"[1]",
        {key: value for key, value in TECHNICAL.items() if key != "ResonantNucleus"},
        {key: value for key, value in TECHNICAL.items() if key != "dim_5"},
        TECHNICAL | {"dim_5": "DOE"}, TECHNICAL | {"ResonantNucleus": ["DOE"]},
        json.dumps(TECHNICAL).encode()[:-1] + b', "EchoTime": 1}',
    ],
)  # fmt: skip
def test_what_lacks_what_the_standard_requires_is_removed_whole(told: Any, tmp_path: Path) -> None:
    source, output, image = scrubbed(tmp_path, mrs_bytes(told))
    assert not image.header.extensions
    assert not image.header["intent_name"].item()
    assert not {one for one in findings(source, output) if one != "unreadable"}


def test_sex_and_weight_follow_the_profile(tmp_path: Path) -> None:
    data = mrs_bytes(TECHNICAL | {"PatientSex": "F", "PatientWeight": 61.5})
    assert b"Patient" not in scrubbed(tmp_path, data, "basic")[1].read_bytes()
    source, output, image = scrubbed(tmp_path, data)
    assert json.loads(image.header.extensions[0].get_content())["PatientWeight"] == 61.5
    assert not findings(source, output)
    assert {one.kind for one in NIFTI.audit("item", source, output, load_policy("basic"), IDENTITY)} == {
        "characteristic"
    }


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({"PatientName": "Jane"}, "key"), ({"EchoTime": "Jane"}, "number"), ({"TxCoil": "Jané"}, "text"),
        ({"TxCoil": "Jane"}, "value"), ({"SequenceName": "4711471"}, "text"), ({"EditPulse": {"Jane": {}}}, "key"),
    ],
)  # fmt: skip
def test_the_judge_sees_what_was_left(told: dict[str, Any], kind: str, tmp_path: Path) -> None:
    source = write_nifti(tmp_path / "source", mrs_bytes(TECHNICAL | {"PatientName": "Jane"}))
    output = write_nifti(tmp_path / "output", mrs_bytes(TECHNICAL | told))
    assert kind in findings(source, output)


def test_the_judge_sees_another_extension(tmp_path: Path) -> None:
    source = write_nifti(tmp_path / "source", mrs_bytes(TECHNICAL, code=6))
    assert {"not_removed", "text"} <= findings(source, source)


def test_masking_text_leaves_the_extension(tmp_path: Path) -> None:
    voxels = np.full((40, 32, 1, 2), 5 + 1j, np.complex64)
    told = json.dumps({"SpectrometerFrequency": [123.2], "ResonantNucleus": ["1H"]}).encode().ljust(72, b"\0")
    data = bytearray(nifti_bytes(voxels, code=32, extension=told, planted=b"mrs_v0_10"))
    struct.pack_into("<i", data, 356, 44)
    _, output, _ = scrubbed(tmp_path, bytes(data))
    head = HeadWork("face_removed", (Removed.of(np.ones((32, 40), np.bool_), (0.0,)),))
    NIFTI.clean_pixels(output, tmp_path / "cleaned", PixelWork(WhiteNet(lambda views: views[:, 1] > 2), head=head))
    after, before = (tmp_path / "cleaned").read_bytes(), output.read_bytes()
    assert after != before
    assert after[: 352 + 80] == before[: 352 + 80]
    assert b"ResonantNucleus" in after
