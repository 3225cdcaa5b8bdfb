from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from deid_platform.errors import DeidError, MalformedFile
from deid_platform.formats.nifti.nifti import Nifti
from deid_platform.formats.registry import format_of
from deid_platform.identity import Identity
from deid_platform.model import Masking, PixelRule, Reason
from deid_platform.pixels.cleaning import HeadWork, PixelWork
from deid_platform.pixels.masks import Removed
from deid_platform.policy import load_policy
from tests.builders.nets import WhiteNet
from tests.builders.nifti import NAME, nifti_bytes, ramp, write_nifti

NIFTI, IDENTITY = Nifti(), Identity(bytes(range(32)))
PLACE = "north/drop/sub-DOE77/ses-20200103/anat/sub-DOE77_ses-20200103_T1w.nii.gz"


@pytest.fixture(params=[(1, "<"), (1, ">"), (2, "<"), (2, ">")])
def data(request: pytest.FixtureRequest) -> bytes:
    version, order = request.param
    return nifti_bytes(ramp(6, 5, 4, 2), version=version, order=order, extension=NAME + b"\0" * 7, tail=NAME)


def scrubbed(source: Path) -> Path:
    output = source.with_name("output")
    NIFTI.scrub(source, output, load_policy("research"), IDENTITY, PLACE)
    return output


def inflated(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


@pytest.mark.parametrize("compressed", [False, True])
def test_nothing_but_geometry_and_voxels_stays(data: bytes, compressed: bool, tmp_path: Path) -> None:
    source = write_nifti(tmp_path / "source", data, compressed=compressed)
    output = scrubbed(source)
    assert b"DOE" in inflated(source)
    assert b"DOE" not in inflated(output)
    assert b"DOE" not in output.read_bytes()
    assert not list(NIFTI.audit("item", source, output, load_policy("research"), IDENTITY, PLACE))
    assert not list(NIFTI.altered_pixels(source, output, Masking()))


@pytest.mark.parametrize("version", [1, 2])
def test_numbers_nothing_refers_to_spell_nothing(version: int, tmp_path: Path) -> None:
    data = bytearray(nifti_bytes(ramp(8, 6, 4), affine=np.zeros((4, 4)), version=version))
    # Sizes of dimensions that are not there, parameters of no intent, the sign of no rotation, and places of no code.
    places = {
        1: ((48, 8), (56, 12), (76, 4), (92, 16), (256, 72)),
        2: ((48, 32), (80, 24), (104, 8), (136, 32), (352, 144)),
    }
    letters = b"DOEJANE^" * 18
    for at, length in places[version]:
        data[at : at + length] = letters[:length]
    source = write_nifti(tmp_path / "source", bytes(data))
    output = scrubbed(source)
    assert b"DOEJ" not in output.read_bytes()
    assert not list(NIFTI.altered_pixels(source, output, Masking()))
    assert not list(NIFTI.audit("item", source, output, load_policy("research"), IDENTITY))
    found = {one.where for one in NIFTI.audit("item", source, source, load_policy("research"), IDENTITY)}
    assert {"dim", "pixdim", "intent_p", "quatern", "srow"} <= found


def test_equal_images_give_equal_bytes(data: bytes, tmp_path: Path) -> None:
    one = scrubbed(write_nifti(tmp_path / "source", data, compressed=True)).read_bytes()
    assert scrubbed(write_nifti(tmp_path / "source", data, compressed=True)).read_bytes() == one


def test_the_judge_sees_what_was_left(data: bytes, tmp_path: Path) -> None:
    source = write_nifti(tmp_path / "source", data, compressed=True)
    found = {one.where for one in NIFTI.audit("item", source, source, load_policy("research"), IDENTITY)}
    assert {"gzip", "descrip", "extensions", "object"} <= found


def test_the_judge_sees_a_changed_voxel(data: bytes, tmp_path: Path) -> None:
    source = write_nifti(tmp_path / "source", data)
    output = scrubbed(source)
    changed = bytearray(output.read_bytes())
    changed[-1] ^= 1
    output.write_bytes(changed)
    assert list(NIFTI.altered_pixels(source, output, Masking())) == [("pixels", "altered")]


def test_the_name_tells_the_subject_and_is_made_anew(data: bytes, tmp_path: Path) -> None:
    source = write_nifti(tmp_path / "source", data, compressed=True)
    described = NIFTI.describe(source, IDENTITY, PLACE)
    assert described.subject == IDENTITY.subject("DOE77", "")
    assert described.path.startswith(f"sub-{described.subject}/ses-")
    assert described.path.endswith("_T1w.nii.gz")
    assert "DOE" not in described.path
    assert "20200103" not in described.path


def test_a_name_nobody_knows_leads_to_an_opaque_path(data: bytes, tmp_path: Path) -> None:
    source = write_nifti(tmp_path / "source", data)
    path = NIFTI.describe(source, IDENTITY, "north/drop/Jane Doe.nii").path
    assert path.endswith(".nii")
    assert "Doe" not in path


def test_text_and_heads_go_from_all_volumes(tmp_path: Path) -> None:
    voxels = ramp(40, 32, 3, 2) + 5
    source = scrubbed(write_nifti(tmp_path / "source", nifti_bytes(voxels)))
    gone = np.zeros((32, 40), np.bool_)
    gone[3:9, 10:20] = True
    head = HeadWork("face_removed", (None, Removed.of(gone, (0.0,)), None))
    work = PixelWork(WhiteNet(lambda views: views[:, 1] > 2), head=head)
    outcome = NIFTI.clean_pixels(source, tmp_path / "cleaned", work)
    assert (outcome.rule, outcome.masking.heads, outcome.masking.frames) == (PixelRule.NO_TEXT_FOUND, 2, 6)
    after = np.frombuffer((tmp_path / "cleaned").read_bytes()[352:], "<i2").reshape(2, 3, 32, 40)
    before = voxels.transpose(3, 2, 1, 0)
    assert (after[:, 1][:, gone] == 0).all()
    assert (after != before).sum() == 2 * gone.sum()
    assert not list(NIFTI.altered_pixels(source, tmp_path / "cleaned", outcome.masking))


@pytest.mark.parametrize("upside_down", [False, True])
def test_text_is_read_also_where_a_converter_turned_the_rows_around(upside_down: bool, tmp_path: Path) -> None:
    picture = Image.new("L", (240, 60), 20)
    ImageDraw.Draw(picture).text((12, 12), "SMITH 1962", fill=240, font_size=32)
    rows = np.asarray(picture, np.int16)[:: -1 if upside_down else 1]
    source = write_nifti(tmp_path / "source", nifti_bytes(np.stack([rows.T] * 2, axis=2)))
    assert NIFTI.text_left(source, load_policy("research"))


def test_planes_lie_where_the_header_says(tmp_path: Path) -> None:
    affine = np.array([[0, 0, 3.0, 7], [2, 0, 0, 8], [0, 1.5, 0, 9], [0, 0, 0, 1]])
    planes = NIFTI.planes(write_nifti(tmp_path / "source", nifti_bytes(ramp(6, 5, 4, 2), affine=affine)))
    assert planes is not None
    assert planes.frames == 8
    assert not planes.tiled
    assert planes.origins.tolist() == [[7 + 3 * k, 8, 9] for k in range(4)]
    assert planes.row_steps[0].tolist() == [0, 0, 1.5]
    assert planes.column_steps[0].tolist() == [0, 2, 0]


def test_a_volume_without_a_place_is_for_nobody_to_judge(tmp_path: Path) -> None:
    planes = NIFTI.planes(write_nifti(tmp_path / "source", nifti_bytes(ramp(6, 5, 4), affine=np.zeros((4, 4)))))
    assert planes is not None
    assert not planes.placed
    assert planes.tiled


@pytest.mark.parametrize("compressed", [False, True])
def test_a_cut_off_file_is_refused(data: bytes, compressed: bool, tmp_path: Path) -> None:
    source = write_nifti(tmp_path / "source", data, compressed=compressed)
    source.write_bytes(source.read_bytes()[: 600 if not compressed else -40])
    with pytest.raises(MalformedFile) as error:
        NIFTI.describe(source, IDENTITY, PLACE)
    assert error.value.reason is Reason.TRUNCATED


def test_a_false_checksum_is_refused(data: bytes, tmp_path: Path) -> None:
    source = write_nifti(tmp_path / "source", data, compressed=True)
    packed = bytearray(source.read_bytes())
    packed[-8] ^= 1
    source.write_bytes(packed)
    with pytest.raises(MalformedFile):
        NIFTI.describe(source, IDENTITY, PLACE)


@pytest.mark.parametrize("place", range(0, 352, 2))
def test_a_lying_header_is_refused_or_read_but_never_hangs(place: int, tmp_path: Path) -> None:
    data = bytearray(nifti_bytes(ramp(6, 5, 4)))
    data[place : place + 2] = b"\xff\x7f"
    source = write_nifti(tmp_path / "source", bytes(data))
    try:
        NIFTI.describe(source, IDENTITY, PLACE)
    except DeidError:
        return
    assert b"DOE" not in scrubbed(source).read_bytes()


def test_a_header_that_says_nothing_of_the_sign_is_read_as_readers_do(tmp_path: Path) -> None:
    data = nifti_bytes(ramp(6, 5, 4))
    source = write_nifti(tmp_path / "source", data[:76] + bytes(4) + data[80:])
    assert not list(NIFTI.altered_pixels(source, scrubbed(source), Masking()))


def test_it_is_told_by_its_content(data: bytes, tmp_path: Path) -> None:
    packed = write_nifti(tmp_path / "source", data, compressed=True).read_bytes()
    assert isinstance(format_of(data[:4096]), Nifti)
    assert isinstance(format_of(packed[:4096]), Nifti)
    assert format_of(gzip.compress(b"anything else")) is None
