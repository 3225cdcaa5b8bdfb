"""Numbers in tags of slides are such as cameras and encoders write; what would spell a word goes."""

from __future__ import annotations

import io
import mmap
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deid_platform.audit.tiff_bytes import bytes_left
from deid_platform.formats.wsi.numbers import known_tags
from deid_platform.formats.wsi.tiff import read_tiff
from tests.builders.slides import APERIO, level, tiff_bytes
from tests.formats.wsi.test_hidden import cleaned, with_tag
from tests.formats.wsi.test_wsi import REAL, judged, scrubbed

LETTERS = {3: b"DO", 4: b"JANE", 9: b"JANE", 11: b"JANE", 5: b"JANEDOES"}
PLANTED = [(254, 4), (255, 3), (266, 3), (274, 3), (278, 3), (278, 4), (284, 3), (296, 3), (317, 3), (338, 3), (339, 3),
           (531, 3), (32997, 4), (32998, 4), (282, 5), (283, 5), (256, 4), (262, 3), (322, 4)]  # fmt: skip
MARKERS = {0xFF00 | code for code in range(0xD0, 0xD8)}


def entry(number: int, kind: int, letters: bytes) -> bytes:
    return struct.pack("<HHI", number, kind, 1) + letters


def planted(number: int, kind: int) -> bytes:
    """A slide with letters as the one value of a tag."""
    letters = LETTERS[kind]
    data = tiff_bytes([with_tag(level(256, 20, APERIO), number, 5 if kind == 5 else 1, letters)])
    old = struct.pack("<HHI", number, 1, len(letters))
    return data.replace(old, struct.pack("<HHI", number, kind, 1)) if kind != 5 else data


@pytest.mark.parametrize(("number", "kind"), PLANTED)
def test_no_letters_stay_as_one_number(number: int, kind: int, tmp_path: Path) -> None:
    data, letters = planted(number, kind), LETTERS[kind]
    assert entry(number, kind, letters) in data or kind == 5
    output = cleaned(tmp_path, data)
    assert entry(number, kind, letters) not in output
    assert b"JANEDOES" not in output


@pytest.mark.parametrize(("number", "kind"), PLANTED)
def test_the_judge_sees_letters_as_one_number(number: int, kind: int, tmp_path: Path) -> None:
    path = tmp_path / "x.tiff"
    path.write_bytes(planted(number, kind))
    try:
        found = {where for where, _, _ in bytes_left(path)}
    except (ValueError, ArithmeticError):
        return  # no sound TIFF, which is refused
    assert f"tag {number}" in found


@pytest.mark.parametrize(("number", "kind", "values"), [
    (254, 4, [0]), (274, 3, [1]), (284, 3, [1]), (296, 3, [3]), (338, 3, [2]), (339, 3, [1]), (531, 3, [2]),
])  # fmt: skip
def test_plain_numbers_stay(number: int, kind: int, values: list[int], tmp_path: Path) -> None:
    page = level(256, 20, APERIO)
    page.tags = [tag for tag in page.tags if tag[0] != number] + [(number, kind, values)]
    source, output = scrubbed(tmp_path, tiff_bytes([page]))
    assert struct.pack("<HHIHH", number, kind, 1, *values, 0) in output.read_bytes()
    assert not judged(source, output)


def test_every_number_that_stays_is_bounded_or_looked_at() -> None:
    open_ended = {number for number, known in known_tags().items() if known.most is None}
    assert open_ended == {273, 279, 324, 325, 320, 529, 532, 65421, 65426, 65432}


@pytest.mark.parametrize("big", [False, True])
def test_nothing_stands_behind_a_number_in_its_entry(big: bool, tmp_path: Path) -> None:
    data = bytearray(tiff_bytes([level(512, 20, APERIO), level(256, 22, APERIO)], big=big))
    form, room = ("<HHQ", 8) if big else ("<HHI", 4)
    head = struct.pack(form, 262, 3, 1)
    at = data.index(head) + len(head)
    letters = b"JANEDO"[: room - 2]
    data[at + 2 : at + room] = letters
    source, output = scrubbed(tmp_path, bytes(data))
    assert output.read_bytes()[at : at + room].find(letters) < 0
    assert head + struct.pack("<H", 6) + letters not in output.read_bytes()
    assert "tag 262" in {where for where, _, _ in bytes_left(source)}
    assert not judged(source, output)


def hamamatsu(*, starts: list[int] | None = None, high: bytes = bytes(4), lens: bytes = struct.pack("<f", 20.0),
              place: bytes = bytes(4)) -> bytes:  # fmt: skip
    """An NDPI file of one image, whose restart intervals are listed; ``high`` stands as high half of its width."""
    stream = io.BytesIO()
    noise = np.random.default_rng(2).integers(0, 200, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(stream, "JPEG", restart_marker_rows=1)
    tile = stream.getvalue()
    scan = tile.index(b"\xff\xda")
    found = [scan + 2 + int.from_bytes(tile[scan + 2 : scan + 4], "big")]
    found += [at + 2 for at in range(found[0], len(tile) - 1) if int.from_bytes(tile[at : at + 2], "big") in MARKERS]
    assert len(found) == 4
    told = found if starts is None else starts
    tags = [(256, 4, 1, struct.pack("<I", 64)), (257, 4, 1, struct.pack("<I", 64)), (259, 3, 1, struct.pack("<I", 7)),
            (273, 4, 1, struct.pack("<I", 64)), (279, 4, 1, struct.pack("<I", len(tile))),
            (65420, 4, 1, struct.pack("<I", 1)), (65421, 11, 1, lens), (65422, 9, 1, place),
            (65426, 4, len(told), struct.pack("<I", 32))]  # fmt: skip
    begin = 64 + len(tile)
    entries = b"".join(struct.pack("<HHI", *tag[:3]) + tag[3] for tag in tags)
    head = struct.pack("<2sHQ", b"II", 42, begin).ljust(32, b"\0")
    body = head + struct.pack(f"<{len(told)}I", *told).ljust(32, b"\0")
    return body + tile + struct.pack("<H", len(tags)) + entries + bytes(8) + high + bytes(4 * (len(tags) - 1))


def numbers_of(path: Path) -> set[int]:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return set(read_tiff(data).chain[0].tags)


def test_starts_of_restart_intervals_stay(tmp_path: Path) -> None:
    source, output = scrubbed(tmp_path, hamamatsu())
    assert output.read_bytes() == source.read_bytes()
    assert not list(bytes_left(output))


@pytest.mark.parametrize("starts", [[600, 700], [0x454E414A] * 3, [1, 2, 3, 4], []])
def test_starts_of_nothing_go(starts: list[int], tmp_path: Path) -> None:
    source, output = scrubbed(tmp_path, hamamatsu(starts=starts))
    assert 65426 not in numbers_of(output)
    assert not list(bytes_left(output))
    assert "tag 65426" in {where for where, _, _ in bytes_left(source)}


@pytest.mark.parametrize(("number", "given"), [
    (65422, {"place": b"JANE"}), (256, {"high": b"JANE"}), (65421, {"lens": b"ENAB"}),
])  # fmt: skip
def test_letters_in_what_hamamatsu_writes_go(number: int, given: dict[str, bytes], tmp_path: Path) -> None:
    (letters,) = given.values()
    source, output = scrubbed(tmp_path, hamamatsu(**given))
    assert letters in source.read_bytes()
    assert letters not in output.read_bytes()
    assert not list(bytes_left(output))
    assert f"tag {number}" in {where for where, _, _ in bytes_left(source)}


@pytest.mark.skipif(not REAL.is_dir(), reason="The shared slides are not there.")
def test_what_hamamatsu_really_writes_stays(tmp_path: Path) -> None:
    for real in REAL.rglob("*.ndpi"):
        _, output = scrubbed(tmp_path, real.read_bytes())
        assert numbers_of(output) >= {65420, 65421, 65422, 65423, 65424, 65426}
