"""A run over odd files mixed with good ones: each ends as it should, none takes another along, nobody is named."""

from __future__ import annotations

import pytest

from deid_platform.run import run
from deid_platform.workers import ProcessCompute
from tests.builders.chain import fill, tree
from tests.builders.dicom import encode, image, leaks, person
from tests.builders.odd import PERSON
from tests.builders.odd_pixels import ANOTHER, all_odd_pixels
from tests.formats.dicom.test_odd import CLEANED, ODD, REFUSED
from tests.test_run import Done, order, quarantine, released

NO_FORMAT = {"preamble without prefix", "prefix in small letters"}
"""What does not even look like DICOM."""

PIXELS = {
    # Every common kind; peers stumble over some of them.
    **dict.fromkeys(
        ("compressed, jpeg 2000", "compressed, jpeg-ls", "compressed, jpeg", "signed, 16 bits",
         "radiograph of 12 bits", "colour ultrasound, frames", "colour ultrasound, ybr", "colour, rle", "deflated",
         "report", "floating point pixels", "double floating point pixels"), "released"),
    # Pixels that can be read whatever is said beside them
    **dict.fromkeys(
        ("frames that name", "pixels of an odd length", "pixels of unknown vr", "pixels twice", "pixels in an icon",
         "overlay too short", "overlay of text", "palette of text"), "released"),
    # Pixels nobody can look at
    **dict.fromkeys(
        ("no rows", "65535 rows", "rows of text", "rows as a string", "no frames", "frames below zero",
         "7 bits allocated", "24 bits allocated", "no bits allocated", "more bits stored than allocated",
         "pixels of no bytes", "no fragments"), "pixel_cleaned: pixels_undecodable"),
    "a billion frames": "pixel_cleaned: too_large",
    "fragments in a native file": "scrubbed: pixels_undecodable",
    "fragments that name": "scrubbed: pixels_undecodable",
    "pixels that name": "released: residual_identifier",
}  # fmt: skip
"""What becomes of every file with odd pixels that can be read at all."""

OUTCOMES = {
    **dict.fromkeys((name for name in CLEANED[::14] if name not in {*PIXELS, "3000 items"}), "released"),
    **{name: "raw: unsupported_format" if name in NO_FORMAT else f"raw: {why}" for name, why in REFUSED.items()},
    **PIXELS,
}
"""What becomes of the files in this run: all that are refused, all kinds of pixels, some of the others."""

GOOD = {f"good {number}": person(number) for number in (7, 8)}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    base, root = tmp_path_factory.mktemp("odd"), PERSON.uid_root.encode()
    for number, name in enumerate(OUTCOMES):
        fill(base / "in", {name: ODD[name].make().replace(root, root[:-3] + b"%03d" % number)})
    fill(base / "in", {name: encode(image(who, rows=32, columns=32)) for name, who in GOOD.items()})
    summary = run(order(base / "in", base / "out", ProcessCompute(2, 120.0), crosswalk=base / "vault"))
    return Done(base / "in", base / "out", base / "vault", summary)


def test_every_kind_of_odd_pixels_is_in_the_run() -> None:
    assert all_odd_pixels().keys() <= OUTCOMES.keys()


@pytest.mark.parametrize("name", [*OUTCOMES, *GOOD])
def test_an_odd_file_ends_as_it_should_and_takes_no_other_along(done: Done, name: str) -> None:
    assert done.outcome[name] == OUTCOMES.get(name, "released")


def test_found_is_released_and_quarantined_exactly(done: Done) -> None:
    assert done.summary.found == done.summary.released + done.summary.quarantined == len(OUTCOMES) + len(GOOD)
    assert done.summary.released == len(tree(done.output / "released"))
    assert done.summary.quarantined == len(quarantine(done.output))


def test_no_released_byte_tells_who_it_was(done: Done) -> None:
    for name, path in released(done.crosswalk).items():
        who = GOOD[name] if name in GOOD else ODD[name].who
        data = (done.output / "released" / path).read_bytes() + path.encode()
        for one in (who, PERSON, ANOTHER):
            # A shifted date of one person may well be the true date of another.
            dates = () if one is who else ("birth_date", "study_date")
            assert leaks(one, data, without=("serial", "station", *dates)) == [], name
