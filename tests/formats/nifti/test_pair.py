from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from deid_platform.errors import DeidError, MalformedFile
from deid_platform.formats.nifti.header import HEAD_BYTES, read_header
from deid_platform.formats.nifti.nifti import Nifti
from deid_platform.formats.registry import HEAD_BYTES as SHOWN
from deid_platform.formats.registry import format_of
from deid_platform.identity import Identity
from deid_platform.model import Masking, Reason
from deid_platform.policy import load_policy
from deid_platform.store.folder import FolderStore
from deid_platform.store.landing import as_landing
from tests.builders.nifti import NAME, analyze_bytes, nifti_bytes, pair_bytes, ramp

NIFTI, IDENTITY, POLICY = Nifti(), Identity(bytes(range(32))), load_policy("research")
VOXELS = ramp(6, 5, 4)
PLACE = "north/drop/sub-DOE77_T1w"
PAIRS = {
    **{f"NIfTI-{version} {order}":
       pair_bytes(nifti_bytes(VOXELS, version=version, order=order, extension=NAME + b"\0" * 7))
       for version in (1, 2) for order in "<>"},
    **{f"Analyze {order}": analyze_bytes(VOXELS, order=order, scale=0.5) for order in "<>"},
}  # fmt: skip


def landed(tmp_path: Path, header: bytes, image: bytes | None, *, packed: bool = False) -> None:
    pack = gzip.compress if packed else bytes
    folder = FolderStore(str(tmp_path))
    end = ".gz" if packed else ""
    folder.write(f"{PLACE}.hdr{end}", pack(header))
    if image is not None:
        folder.write(f"{PLACE}.img{end}", pack(image))


@contextmanager
def fetched(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    landing = as_landing(FolderStore(str(tmp_path)))
    (found,) = landing.list()
    known = format_of(landing.head(found.key, SHOWN), found.key)
    assert known is not None
    assert known.name == "nifti"
    with landing.fetch(found.key) as path:
        yield path, found.key


def told(output: Path) -> bytes:
    data = output.read_bytes()
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", PAIRS)
def test_a_pair_becomes_one_file_with_its_voxels_and_no_text(kind: str, packed: bool, tmp_path: Path) -> None:
    header, image = PAIRS[kind]
    landed(tmp_path / "landing", header, image + NAME, packed=packed)
    output = tmp_path / "output"
    with fetched(tmp_path / "landing") as (path, name):
        described = NIFTI.describe(path, IDENTITY, name)
        NIFTI.scrub(path, output, POLICY, IDENTITY, name)
        assert not list(NIFTI.audit("item", path, output, POLICY, IDENTITY, name))
        assert not list(NIFTI.altered_pixels(path, output, Masking()))
    assert described.path == f"sub-{described.subject}/sub-{described.subject}_T1w.nii" + (".gz" if packed else "")
    cleaned = read_header(told(output)[:HEAD_BYTES])
    assert told(output)[cleaned.offset :] == image
    assert b"DOE" not in told(output)
    assert cleaned.dims == VOXELS.shape + (1,) * (len(cleaned.dims) - 3)
    assert cleaned.slope == (0.5 if "Analyze" in kind else 1.0)
    assert (cleaned.affine is None) == ("Analyze" in kind)


@pytest.mark.parametrize("kind", PAIRS)
def test_the_judge_sees_what_a_maker_left_or_changed(kind: str, tmp_path: Path) -> None:
    landed(tmp_path / "landing", *PAIRS[kind])
    output = tmp_path / "output"
    with fetched(tmp_path / "landing") as (path, name):
        NIFTI.scrub(path, output, POLICY, IDENTITY, name)
        clean = output.read_bytes()
        output.write_bytes(clean[:-1] + bytes([clean[-1] ^ 1]))
        assert list(NIFTI.altered_pixels(path, output, Masking())) == [("pixels", "altered")]
        size = 348 if b"n+1" in clean else 540
        output.write_bytes(clean[:size].replace(b"\0" * 20, NAME + b"\0\0", 1) + clean[size:])
        assert list(NIFTI.audit("item", path, output, POLICY, IDENTITY, name))


def test_analyze_tells_no_place_so_that_faces_in_it_are_for_nobody_to_judge(tmp_path: Path) -> None:
    landed(tmp_path / "landing", *analyze_bytes(VOXELS))
    output = tmp_path / "output"
    with fetched(tmp_path / "landing") as (path, name):
        NIFTI.scrub(path, output, POLICY, IDENTITY, name)
    planes = NIFTI.planes(output)
    assert planes is not None
    assert planes.tiled


@pytest.mark.parametrize("header", [pair[0] for pair in PAIRS.values()], ids=list(PAIRS))
def test_a_header_without_its_image_is_refused_as_half(header: bytes, tmp_path: Path) -> None:
    landed(tmp_path, header, None)
    with fetched(tmp_path) as (path, name), pytest.raises(MalformedFile) as refused:
        NIFTI.describe(path, IDENTITY, name)
    assert refused.value.reason is Reason.TRUNCATED


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("packed", [False, True])
def test_an_image_that_ends_early_is_refused(kind: str, packed: bool, tmp_path: Path) -> None:
    header, image = PAIRS[kind]
    landed(tmp_path, header, image[:-1], packed=packed)
    with fetched(tmp_path) as (path, name), pytest.raises(MalformedFile) as refused:
        NIFTI.describe(path, IDENTITY, name)
    assert refused.value.reason is Reason.TRUNCATED


def test_headers_of_other_images_are_no_pairs(tmp_path: Path) -> None:
    landed(tmp_path, b"ENVI\nsamples = 6", b"pixels")
    landing = as_landing(FolderStore(str(tmp_path)))
    found = [(one.key, format_of(landing.head(one.key, SHOWN), one.key)) for one in landing.list()]
    assert found == [(f"{PLACE}.hdr", None), (f"{PLACE}.img", None)]


@pytest.mark.parametrize("place", range(0, 348, 2))
def test_a_lying_header_is_refused_or_read_but_never_hangs(place: int, tmp_path: Path) -> None:
    header, image = analyze_bytes(VOXELS)
    landed(tmp_path / "landing", header[:place] + b"\xff\x7f" + header[place + 2 :], image)
    output = tmp_path / "output"
    landing = as_landing(FolderStore(str(tmp_path / "landing")))
    with landing.fetch(f"{PLACE}.hdr") as path:
        try:
            NIFTI.scrub(path, output, POLICY, IDENTITY, f"{PLACE}.hdr")
        except DeidError:
            return
    assert b"DOE" not in output.read_bytes()


def test_the_builder_writes_what_nibabel_reads() -> None:
    from nibabel.spm99analyze import Spm99AnalyzeHeader

    for order in "<>":
        header = Spm99AnalyzeHeader(analyze_bytes(VOXELS, order=order, scale=0.5)[0], check=False)
        assert header.get_data_shape() == (*VOXELS.shape, 1)
        assert header.get_slope_inter() == (0.5, None)
        assert bytes(header["hist_un0"]) == NAME[:3]
        assert np.array_equal(header["dim"][1:4], VOXELS.shape)
