"""A run over a folder in which a slide that is a file and a folder lies beside other files."""

from __future__ import annotations

import csv
import tarfile
from pathlib import Path

import openslide
import pytest

from deid_platform.identity import Identity
from deid_platform.policy import load_policy
from deid_platform.run import Order, run
from tests.builders.chain import KEY, Here, fill
from tests.builders.dicom import encode, image, person
from tests.builders.makers import leica, ventana
from tests.builders.mirax import NEEDLES, Mirax
from tests.builders.slides import aperio, tiff_bytes

pytestmark = pytest.mark.usefixtures("unread", "unruled")


def order(source: Path, output: Path) -> Order:
    return Order(source, output, load_policy("research"), Identity(KEY, "local"), Here())


def test_slides_beside_others_are_released_and_what_is_no_whole_slide_is_not(tmp_path: Path) -> None:
    source, output = tmp_path / "in", tmp_path / "out"
    Mirax().save(source / "slides")
    Mirax(form="PNG").save(source / "slides", "Roe")
    (source / "slides" / "Roe" / "notes of DOE.txt").write_bytes(b"DOE JANE")
    broken = Mirax().save(source / "broken")
    broken.with_suffix("").joinpath("Data0001.dat").unlink()
    fill(source, {"image.dcm": encode(image(person(7), rows=32, columns=32)), "slide.svs": tiff_bytes(aperio()),
                  "slide.scn": tiff_bytes(leica(areas=2), big=True), "slide.bif": tiff_bytes(ventana(), big=True),
                  "alone.mrxs": Mirax().members()[""]})  # fmt: skip
    summary = run(order(source, output))
    with output.joinpath("quarantine.csv").open(newline="") as file:
        refused = {(row["path"], row["reason"]) for row in csv.DictReader(file)}
    assert refused == {("alone.mrxs", "truncated"), ("broken/Doe Jane.mrxs", "truncated"),
                       ("slides/Roe/notes of DOE.txt", "unsupported_format")}  # fmt: skip
    released = sorted(path for path in output.joinpath("released").rglob("*") if path.is_file())
    assert sorted(path.suffix for path in released) == [".bif", ".dcm", ".scn", ".svs", ".tar", ".tar"]
    assert (summary.found, summary.released) == (9, 6)
    for path in released:
        if path.suffix == ".tar":
            assert not [needle for needle in NEEDLES if needle in path.read_bytes()]
            with tarfile.open(path) as tar:
                tar.extractall(tmp_path / "unpacked", filter="data")
            slide = openslide.OpenSlide(tmp_path / "unpacked" / path.name.removesuffix(".tar"))
            assert slide.level_dimensions == ((256, 256), (128, 128))
            assert not dict(slide.associated_images)


def test_a_single_slide_is_asked_for_by_its_file(tmp_path: Path) -> None:
    slide = Mirax().save(tmp_path / "in")
    assert run(order(slide, tmp_path / "out")).released == 1
