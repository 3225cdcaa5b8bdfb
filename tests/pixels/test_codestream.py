"""What a compressed frame says about itself."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from deid_platform.pixels.codestream import Codestream, parse, starts_image


def compressed(kind: str = "JPEG", mode: str = "L", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((40, 24)).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


JFIF = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
JPEG_LS_HEAD = b"\xff\xd8\xff\xf7\x00\x0b\x0c\x00\x18\x00\x28\x01\x01\x11\x00\xff\xda\x00\x08\x01\x01\x00\x00\x00\x00"


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (compressed(), Codestream(24, 40, 1, 8, components=b"\x01", application=JFIF)),
        (
            compressed(mode="RGB", progressive=True, comment="a comment"),
            Codestream(24, 40, 3, 8, components=b"\x01\x02\x03", application=JFIF),
        ),
        (compressed("JPEG2000", no_jp2=True), Codestream(24, 40, 1, 8)),
        (compressed("JPEG2000", "RGB"), Codestream(24, 40, 3, 8)),
        (compressed("JPEG2000", "RGB", no_jp2=True, mct=1), Codestream(24, 40, 3, 8, mixed=True)),
        (compressed("JPEG2000", no_jp2=True, signed=True), Codestream(24, 40, 1, 8, signed=True)),
        (JPEG_LS_HEAD + b"\x01\x02\xff\xd9", Codestream(24, 40, 1, 12, components=b"\x01")),
        (
            JPEG_LS_HEAD[:-2] + b"\x02\x00\x01\x02\xff\xd9",
            Codestream(24, 40, 1, 12, components=b"\x01", interleave=2),
        ),
        (b"\xff\xd8\xff\xff" + JPEG_LS_HEAD[3:] + b"\x01\xff\xd9\x00", Codestream(24, 40, 1, 12, components=b"\x01")),
    ],
)
def test_size_samples_and_precision_are_read_from_the_frame(frame: bytes, said: Codestream) -> None:
    assert starts_image(frame)
    assert parse(frame) == said


@pytest.mark.parametrize("kind", ["JPEG", "JPEG2000"])
def test_a_frame_cut_anywhere_is_refused(kind: str) -> None:
    frame = compressed(kind)
    for length in range(0, len(frame) - 1, 7):
        with pytest.raises(ValueError, match="compressed frame"):
            parse(frame[:length])


@pytest.mark.parametrize("kind", ["JPEG", "JPEG2000"])
def test_a_second_image_behind_the_first_is_refused_but_padding_is_not(kind: str) -> None:
    frame = compressed(kind)
    assert parse(frame + b"\x00") == parse(frame)
    with pytest.raises(ValueError, match="goes on"):
        parse(frame + compressed(kind))


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"GIF89a" + bytes(40),
        b"\xff\xd8\x00\x00",
        b"\xff\xd8\xff\xe0\x00\x01" + bytes(20),
        b"\xff\xd8\xff\xda\x00\x02\x01\xff\xd9",
        b"\x00\x00\x00\x0cjP  " + bytes(40),
    ],
)
def test_what_is_no_image_is_refused(frame: bytes) -> None:
    with pytest.raises(ValueError, match="compressed frame"):
        parse(frame)
