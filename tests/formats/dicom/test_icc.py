"""ICC profiles: what they say goes, the colours they give stay."""

from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms

from deid_platform.audit.icc import profile_faults
from deid_platform.formats.icc import cleaned_profile, standard_profile
from tests.audit.tampering import audited, tampered
from tests.builders.elements import element
from tests.builders.frames import SECRET
from tests.formats.dicom.cleaning import Laboratory, with_elements


def profile(**tags: bytes) -> bytes:
    """sRGB as the colour engine writes it, with more tags, and things in the header nobody needs."""
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    (count,) = struct.unpack_from(">I", plain, 128)
    entries = [struct.unpack_from(">4sII", plain, 132 + 12 * at) for at in range(count)]
    shift = 12 * len(tags)
    table = b"".join(struct.pack(">4sII", name, offset + shift, length) for name, offset, length in entries)
    body = plain[132 + 12 * count :]
    for name, data in tags.items():
        table += struct.pack(">4sII", name.encode(), 132 + 12 * (count + len(tags)) + len(body), len(data))
        body += data
    head = bytearray(plain[:128])
    struct.pack_into(">I", head, 0, 132 + len(table) + len(body))
    head[4:8], head[48:56], head[80:84] = b"JANE", b"ACMEDOEJ", b"JOHN"
    struct.pack_into(">6H", head, 24, 1961, 7, 2, 1, 1, 1)
    head[100:128] = SECRET[:28]
    return bytes(head) + struct.pack(">I", count + len(tags)) + table + body


HIDDEN = profile(
    dmnd=b"desc\0\0\0\0" + SECRET,
    targ=b"text\0\0\0\0" + SECRET,
    JANE=b"data\0\0\0\0" + SECRET,
    lumi=b"text\0\0\0\0" + SECRET,
)


def colours(data: bytes) -> np.ndarray:
    ramp = Image.fromarray(np.mgrid[0:16, 0:16, 0:16].T.reshape(64, 64, 3).astype(np.uint8) * 17)
    source, target = ImageCms.ImageCmsProfile(BytesIO(data)), ImageCms.createProfile("LAB")
    transform = ImageCms.buildTransform(source, target, "RGB", "LAB")
    return np.asarray(ImageCms.applyTransform(ramp, transform))


def test_texts_names_and_dates_go_and_colours_stay() -> None:
    assert {"icc_text", "icc_date", "icc_device", "icc_maker", "icc_creator"} <= set(profile_faults(HIDDEN))
    cleaned = cleaned_profile(HIDDEN)
    assert cleaned is not None
    assert len(cleaned) == len(HIDDEN)
    for text in (SECRET, SECRET[:8], b"JANE", b"JOHN", b"ACME", b"sRGB built-in", b"s\0R\0G\0B"):
        assert text not in cleaned
    assert list(profile_faults(cleaned)) == []
    assert np.array_equal(colours(cleaned), colours(HIDDEN))
    assert cleaned_profile(cleaned) == cleaned


def test_bytes_no_tag_owns_go() -> None:
    data = HIDDEN + SECRET
    assert SECRET not in (cleaned_profile(data) or SECRET)
    longer = bytearray(HIDDEN)
    at = HIDDEN.index(b"wtpt")
    struct.pack_into(">I", longer, at + 8, len(HIDDEN) - struct.unpack_from(">I", HIDDEN, at + 4)[0])
    assert SECRET[:12] not in (cleaned_profile(bytes(longer)) or SECRET)


@pytest.mark.parametrize("broken", [b"", SECRET * 9, HIDDEN[:200], HIDDEN[:128] + b"\xff" * 400])
def test_what_is_no_profile_is_told(broken: bytes) -> None:
    assert cleaned_profile(broken) is None


def test_the_standard_profile_is_srgb_and_says_nothing() -> None:
    assert list(profile_faults(standard_profile())) == []
    assert cleaned_profile(standard_profile()) == standard_profile()
    ours, theirs = colours(standard_profile()).astype(int), colours(profile()).astype(int)
    assert int(np.abs((ours - theirs + 128) % 256 - 128).max()) <= 1


def test_a_profile_is_cleaned_wherever_it_stands(lab: Laboratory) -> None:
    item = element(0x00282000, b"OB", HIDDEN + SECRET[: len(HIDDEN) % 2])
    path = element(0x00480105, b"SQ", b"\xfe\xff\x00\xe0" + len(item).to_bytes(4, "little") + item)
    for data in (with_elements(item), with_elements(path)):
        cleaned = lab.clean(data)
        assert SECRET[:20] not in cleaned.data
        assert audited(cleaned) == set()


def test_what_is_no_profile_is_replaced(lab: Laboratory) -> None:
    assert standard_profile() in lab.clean(with_elements(element(0x00282000, b"OB", SECRET * 3))).data


def test_a_large_profile_is_cleaned_too(lab: Laboratory) -> None:
    large = profile(A2B0=b"mft2" + bytes(70_000), targ=b"text\0\0\0\0" + SECRET)
    cleaned = lab.clean(with_elements(element(0x00282000, b"OB", large)))
    assert SECRET not in cleaned.data
    assert b"mft2" in cleaned.data


def test_a_text_put_back_is_found(lab: Laboratory) -> None:
    cleaned = lab.clean(with_elements(element(0x00282000, b"OB", standard_profile())))
    hits = tampered(cleaned, lab.folder, lambda ds: setattr(ds, "ICCProfile", HIDDEN + bytes(len(HIDDEN) % 2)))
    assert ("(0028,2000)", "icc_text", "forbidden_content") in hits
    assert "icc_unreadable" in set(profile_faults(HIDDEN[:131]))


def test_a_description_that_lies_over_colours_is_emptied_before_them() -> None:
    """As in small profiles, which save bytes that way."""
    whole = bytearray(profile())
    (count,) = struct.unpack_from(">I", whole, 128)
    for at in range(132, 132 + 12 * count, 12):
        name, offset, _ = struct.unpack_from(">4sII", whole, at)
        if name == b"desc":
            struct.pack_into(">I", whole, at + 8, len(whole) - offset)
    cleaned = cleaned_profile(bytes(whole))
    assert cleaned is not None
    assert not set(profile_faults(cleaned))
    assert np.array_equal(colours(cleaned), colours(profile()))
