from __future__ import annotations

import re
import tarfile
import time
from pathlib import Path

import openslide
import pytest

from deid_platform.audit.mrxs import unpacked
from deid_platform.errors import DeidError
from deid_platform.formats.mrxs.mrxs import Mrxs
from deid_platform.formats.protocol import Crossing
from deid_platform.formats.registry import format_of
from deid_platform.identity import Identity
from deid_platform.model import Masking, Reason
from deid_platform.policy import load_policy
from tests.builders.mirax import IDENTIFIER, NEEDLES, Mirax

MRXS, IDENTITY, POLICY = Mrxs(), Identity(bytes(range(32))), load_policy("research")
NAME = "north/drop/Doe Jane.mrxs"


def cleaned(tmp_path: Path, slide: Mirax) -> tuple[Path, Path]:
    source, output = tmp_path / "source.tar", tmp_path / "output.tar"
    source.write_bytes(slide.archive())
    MRXS.describe(source, IDENTITY, NAME)
    MRXS.scrub(source, output, POLICY, IDENTITY, NAME)
    return source, output


def refusal(tmp_path: Path, data: bytes) -> DeidError:
    source = tmp_path / "source.tar"
    source.write_bytes(data)
    start = time.monotonic()
    with pytest.raises(DeidError) as told:
        MRXS.describe(source, IDENTITY, NAME)
    assert time.monotonic() - start < 2
    assert not re.search("DOE|JANE|4711|Roe", str(told.value))
    return told.value


@pytest.mark.parametrize(
    ("form", "positions"),
    [("JPEG", ""), ("JPEG", "StitchingIntensityLayer"), ("PNG", "VIMSLIDE_POSITION_BUFFER"),
     ("BMP24", "VIMSLIDE_POSITION_BUFFER")],
)  # fmt: skip
def test_levels_show_the_same_and_nothing_else_is_left(tmp_path: Path, form: str, positions: str) -> None:
    source, output = cleaned(tmp_path, Mirax(form=form, positions=positions))
    data = output.read_bytes()
    assert not [needle for needle in NEEDLES if needle in data]
    assert not [needle for needle in NEEDLES if needle.decode().encode("utf-16-le") in data]
    with unpacked(source) as before, unpacked(output) as after:
        old, new = openslide.OpenSlide(before), openslide.OpenSlide(after)
        assert {"label", "macro", "thumbnail"} == set(old.associated_images)
        assert not dict(new.associated_images)
        assert new.level_dimensions == old.level_dimensions == ((256, 256), (128, 128))
        for level, size in enumerate(new.level_dimensions):
            assert new.read_region((0, 0), level, size) == old.read_region((0, 0), level, size)
        assert new.properties["openslide.vendor"] == "mirax"
        assert new.properties["openslide.mpp-x"] == "0.25"
        assert new.properties["openslide.objective-power"] == "20"
    assert not list(MRXS.audit("item", source, output, POLICY, IDENTITY, NAME))
    assert not list(MRXS.altered_pixels(source, output, Masking()))


def test_noise_is_no_text(tmp_path: Path) -> None:
    assert not MRXS.text_left(cleaned(tmp_path, Mirax())[1], POLICY)


def test_what_is_released_is_called_by_its_uid_and_the_same_every_time(tmp_path: Path) -> None:
    source, output = cleaned(tmp_path, Mirax())
    described = MRXS.describe(source, IDENTITY, NAME)
    assert described.path == f"{described.subject}/{described.study}/{described.series}/{described.instance}.mrxs.tar"
    with tarfile.open(output) as tar:
        names = tar.getnames()
    folder = described.instance
    assert names == [f"{folder}.mrxs", *(f"{folder}/{name}" for name in list(Mirax().members())[1:])]
    again = tmp_path / "again.tar"
    MRXS.scrub(source, again, POLICY, IDENTITY, NAME)
    assert again.read_bytes() == output.read_bytes()


def test_cleaning_what_is_clean_finds_nothing_in_images(tmp_path: Path) -> None:
    _, output = cleaned(tmp_path, Mirax())
    again = tmp_path / "again.tar"
    outcome = MRXS.scrub(output, again, POLICY, IDENTITY, NAME)
    assert "images" not in {change.target for change in outcome.changes}
    assert len(again.read_bytes()) == len(output.read_bytes())


def test_the_identifier_of_a_slide_is_replaced_by_one_of_its_length_everywhere(tmp_path: Path) -> None:
    source, output = cleaned(tmp_path, Mirax())
    ((crossing),) = MRXS.crosswalk(source, IDENTITY, POLICY, NAME)
    assert crossing == Crossing("uid", IDENTIFIER, crossing.new)
    assert len(crossing.new) == len(IDENTIFIER)
    assert output.read_bytes().count(b"01.02" + crossing.new.encode()) == 3
    assert output.read_bytes().count(crossing.new.encode()) == 4


def test_a_slide_is_known_by_the_first_member_of_its_archive(tmp_path: Path) -> None:
    source, output = cleaned(tmp_path, Mirax())
    for path in (source, output):
        assert format_of(path.read_bytes()[:4096]) == MRXS
    alone = format_of(b"\xff\xd8\xff\xe0" + bytes(100), NAME)
    assert alone == MRXS
    assert MRXS.study_of(b"", IDENTITY, NAME) != MRXS.study_of(b"", IDENTITY, NAME + "2")


def test_a_file_without_its_folder_is_refused(tmp_path: Path) -> None:
    told = refusal(tmp_path, Mirax().members()[""])
    assert told.reason is Reason.TRUNCATED
    assert "folder" in str(told)


class Without(Mirax):
    """A slide that lost a part."""

    part = ""

    def members(self) -> dict[str, bytes]:
        return {name: data for name, data in super().members().items() if name != self.part}


@pytest.mark.parametrize(("part", "told"), [
    ("Slidedat.ini", "Slidedat.ini"), ("Index.dat", "Index.dat"), ("Data0001.dat", "Data file 1"),
])  # fmt: skip
def test_a_slide_without_a_part_is_refused_and_told_which(tmp_path: Path, part: str, told: str) -> None:
    slide = Without()
    slide.part = part
    error = refusal(tmp_path, slide.archive())
    assert error.reason is Reason.TRUNCATED
    assert told in str(error)


@pytest.mark.parametrize(
    ("slide", "reason"),
    [
        (Mirax(circle=True), Reason.MALFORMED),
        (Mirax(records={(0, 3): (1 << 30, 50, 0)}), Reason.TRUNCATED),
        (Mirax(records={(0, 3): (200, 5, 77)}), Reason.MALFORMED),
        (Mirax(records={(0, 3): (-9, 5, 0)}), Reason.MALFORMED),
        (Mirax(records={(0, 3): (200, 0, 0)}), Reason.MALFORMED),
        (Mirax(records={(0, 3): (100, 900, 0)}), Reason.MALFORMED),
        (Mirax(settings={"SLIDE_ID": "short"}), Reason.MALFORMED),
        (Mirax(settings={"SLIDE_ID": IDENTIFIER[::-1]}), Reason.MALFORMED),
        (Mirax(settings={"IMAGENUMBER_X": "999999"}), Reason.TOO_LARGE),
        (Mirax(settings={"IMAGENUMBER_X": "DOE"}), Reason.MALFORMED),
        (Mirax(settings={"IMAGENUMBER_X": "2"}), Reason.MALFORMED),
        (Mirax(settings={"HIER_0_COUNT": "99999"}), Reason.MALFORMED),
        (Mirax(settings={"HIER_1_COUNT": "3"}), Reason.UNSUPPORTED_FORMAT),
        (Mirax(settings={"NONHIER_COUNT": "-1"}), Reason.MALFORMED),
        (Mirax(settings={"FILE_COUNT": "4000"}), Reason.MALFORMED),
        (Mirax(settings={"FILE_1": "Data0000.dat"}), Reason.MALFORMED),
        (Mirax(settings={"FILE_1": "../Doe.dat"}), Reason.TRUNCATED),
        (Mirax(settings={"DIGITIZER_WIDTH": "60000", "DIGITIZER_HEIGHT": "60000"}), Reason.TOO_LARGE),
        (Mirax(settings={"IMAGE_CONCAT_FACTOR": "30"}), Reason.TOO_LARGE),
        (Mirax(settings={"SLIDE_NAME": "x" * (1 << 21)}), Reason.TOO_LARGE),
        (Mirax(settings={"IMAGE_FORMAT": "HEVC"}), Reason.MALFORMED),
        (Mirax(settings={"CameraImageDivisionsPerSide": "2"}), Reason.MALFORMED),
    ],
)
def test_what_contradicts_itself_is_refused_at_once(tmp_path: Path, slide: Mirax, reason: Reason) -> None:
    assert refusal(tmp_path, slide.archive()).reason is reason


def test_an_archive_that_ends_too_early_is_refused(tmp_path: Path) -> None:
    data = Mirax().archive()
    for end in (512, 600, 4000, 9000, len(data) // 2):
        assert refusal(tmp_path, data[:end]).reason is Reason.TRUNCATED


def test_images_of_another_kind_than_told_are_refused(tmp_path: Path) -> None:
    for told in ("JPEG", "PNG", "BMP24"):
        for form in {"JPEG", "PNG", "BMP24"} - {told}:
            source = tmp_path / "source.tar"
            source.write_bytes(Mirax(form=form, settings={"IMAGE_FORMAT": told}).archive())
            with pytest.raises(DeidError):
                MRXS.scrub(source, tmp_path / "output.tar", POLICY, IDENTITY, NAME)


def test_an_archive_that_holds_more_than_the_slide_is_refused_so_that_nothing_is_lost(tmp_path: Path) -> None:
    whole = tmp_path / "drop.tar"
    whole.write_bytes(Mirax().archive())
    other = tmp_path / "other.dcm"
    other.write_bytes(b"an image")
    with tarfile.open(whole, "a") as archive:
        archive.add(other, "other.dcm")
    assert refusal(tmp_path, whole.read_bytes()).reason is Reason.MALFORMED
