"""Everywhere a sender's words may stand outside of plain attributes: nothing of them comes out, at any depth."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom import uid as uids
from pydicom.uid import UID

from deid_platform.errors import UnsupportedFormat
from tests.audit.tampering import audited
from tests.builders.dicom import encapsulated_pdf, encode, image, person, waveform
from tests.builders.elements import data_set_at, element, head, pixels_at
from tests.builders.frames import SECRET
from tests.formats.dicom.cleaning import PROFILES, Laboratory, plain_image, with_elements

TEXT = SECRET + b" "


def nested(tag: int, *elements: bytes) -> bytes:
    body = b"".join(elements)
    item = b"\xfe\xff\x00\xe0" + len(body).to_bytes(4, "little") + body
    return head(tag, b"SQ", len(item)) + item


def meta(*elements: bytes) -> bytes:
    """The plain image with more elements in its File Meta group, whose length counts them."""
    data = plain_image()
    start, more = data_set_at(data), b"".join(elements)
    length = int.from_bytes(data[140:144], "little") + len(more)
    return data[:140] + length.to_bytes(4, "little") + data[144:start] + more + data[start:]


def zipped() -> bytes:
    buffer = BytesIO(plain_image())
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("names.txt", SECRET)
        archive.comment = SECRET
    return buffer.getvalue()


def before_pixels(*elements: bytes) -> bytes:
    data = plain_image()
    at = pixels_at(data)
    return data[:at] + b"".join(elements) + data[at:]


def private(*elements: bytes) -> list[bytes]:
    """Elements in a private sequence that the knowledge of a profile may keep."""
    creator = element(0x20050010, b"LO", b"Philips MR Imaging DD 005")
    return [creator, nested(0x20051083, *elements)]


ICON = nested(0x00880200, element(0x00280010, b"US", b"\x04\0"), element(0x7FE00010, b"OW", TEXT))
PHOTO = nested(0x00101100, nested(0x00081140, element(0x00081150, b"UI", b"1.2.3"), element(0x00081030, b"LO", TEXT)))
SIGNED = (element(0x04000105, b"DT", b"19610702"), element(0x04000115, b"OB", TEXT), element(0x04000120, b"OB", TEXT))
SIGNATURE = nested(0xFFFAFFFA, *SIGNED)
MAC = nested(0x4FFE0001, element(0x04000015, b"CS", TEXT[:16]), element(0x04000020, b"AT", TEXT[:32]))
ENCRYPTED = nested(0x04000500, element(0x04000520, b"OB", TEXT))
ORIGINAL = nested(
    0x04000561, element(0x04000563, b"LO", TEXT), nested(0x04000550, element(0x00100010, b"PN", TEXT)),
    nested(0x04000551, element(0x04000552, b"OB", TEXT)),
)  # fmt: skip
PLACES: dict[str, Callable[[], bytes]] = {
    "preamble": lambda: TEXT.ljust(128)[:128] + plain_image()[128:],
    "a program in the preamble": lambda: (b"MZ" + bytes(58) + TEXT).ljust(128, b"\0") + plain_image()[128:],
    "a zip archive behind": zipped,
    "application entities": lambda: meta(*(element(0x00020016 + at, b"AE", TEXT[:16]) for at in range(3))),
    "private information": lambda: meta(element(0x00020100, b"UI", b"1.2.3"), element(0x00020102, b"OB", TEXT)),
    "presentation addresses": lambda: meta(*(element(0x00020026 + at, b"UR", TEXT) for at in range(3))),
    "private meta": lambda: meta(element(0x00030010, b"LO", TEXT), element(0x00031001, b"LO", TEXT)),
    "group length": lambda: with_elements(element(0x00100000, b"UL", TEXT)),
    "length to end": lambda: with_elements(element(0x00080001, b"UL", TEXT[:4])),
    "trailing padding": lambda: plain_image() + element(0xFFFCFFFC, b"OB", TEXT),
    "behind the pixels": lambda: plain_image() + element(0x7FE10010, b"LO", TEXT) + element(0x00100010, b"PN", TEXT),
    "junk behind the pixels": lambda: plain_image() + SECRET,
    "out of order": lambda: before_pixels(element(0x00100010, b"PN", TEXT), element(0x00081030, b"LO", b"Chest ")),
    "twice": lambda: with_elements(element(0x00100010, b"PN", b"Harmless^Ann") + element(0x00100010, b"PN", TEXT)),
    "command group": lambda: with_elements(element(0x00000600, b"AE", TEXT), element(0x00001000, b"UI", TEXT)),
    "directory group": lambda: with_elements(element(0x00041130, b"CS", TEXT), element(0x00041500, b"CS", TEXT)),
    "icon": lambda: with_elements(ICON),
    "nested icon": lambda: with_elements(nested(0x00082112, ICON)),
    "private icon": lambda: with_elements(*private(ICON)),
    "photo": lambda: with_elements(PHOTO),
    "nested photo": lambda: with_elements(nested(0x00081110, PHOTO)),
    "signature": lambda: before_pixels(SIGNATURE),
    "nested signature": lambda: with_elements(nested(0x00081110, SIGNATURE)),
    "signature behind the pixels": lambda: plain_image() + SIGNATURE,
    "MAC parameters": lambda: with_elements(nested(0x00081110, MAC)),
    "encrypted": lambda: with_elements(ENCRYPTED),
    "nested encrypted": lambda: with_elements(nested(0x00081110, ENCRYPTED)),
    "original attributes": lambda: with_elements(ORIGINAL),
    "nested original attributes": lambda: with_elements(nested(0x00081110, ORIGINAL)),
    "private original attributes": lambda: with_elements(*private(ORIGINAL)),
    "embedded overlay": lambda: with_elements(element(0x60000102, b"US", b"\x0c\0"), element(0x60000022, b"LO", TEXT)),
    "curve": lambda: with_elements(element(0x50002600, b"LO", TEXT), element(0x50003000, b"OW", TEXT)),
    "retired text group": lambda: with_elements(element(0x40000010, b"LT", TEXT), element(0x40004000, b"LT", TEXT)),
    "large overlay": lambda: with_elements(element(0x60003000, b"OW", TEXT * 3000)),
}


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", PLACES)
def test_nothing_hidden_comes_out(lab: Laboratory, name: str, profile: str) -> None:
    data = PLACES[name]()
    assert any(part in data for part in (SECRET, TEXT[:16], TEXT[:4]))
    cleaned = lab.clean(data, profile)
    for part in (SECRET, TEXT[:16], b"Quin", b"Zeph", b"19610702"):
        assert part not in cleaned.data
    assert audited(cleaned) == set()
    assert not cleaned.output.read_bytes().startswith(b"MZ")
    assert not zipfile.is_zipfile(cleaned.output)


DOCUMENTS = {
    "application/pdf": uids.EncapsulatedPDFStorage,
    "text/xml": uids.EncapsulatedCDAStorage,
    "model/stl": uids.EncapsulatedSTLStorage,
    "model/obj": uids.EncapsulatedOBJStorage,
    "model/mtl": uids.EncapsulatedMTLStorage,
}


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(("mime_type", "sop_class"), DOCUMENTS.items())
def test_documents_are_replaced(lab: Laboratory, mime_type: str, sop_class: UID, profile: str) -> None:
    who = person(0)
    title = f"Scan of {who.family}, {who.given}"
    ds = encapsulated_pdf(
        who, SOPClassUID=sop_class, EncapsulatedDocument=TEXT * 5000, DocumentTitle=title,
        MIMETypeOfEncapsulatedDocument=f"{mime_type}; name={who.family}.obj", ListOfMIMETypes=["text/xml", who.family],
    )  # fmt: skip
    ds.file_meta.MediaStorageSOPClassUID = sop_class
    cleaned = lab.clean(encode(ds), profile)
    out = dcmread(cleaned.output)
    assert out.MIMETypeOfEncapsulatedDocument == mime_type
    assert list(out.ListOfMIMETypes) == ["text/xml", "application/octet-stream"]
    assert out.EncapsulatedDocument.startswith({"application/pdf": b"%PDF", "text/xml": b"<?xml"}.get(mime_type, b""))
    assert SECRET not in cleaned.data
    assert who.family.encode() not in cleaned.data
    assert audited(cleaned) == set()


def test_a_voice_in_a_waveform_is_refused(lab: Laboratory) -> None:
    for coded in ("MB", "AB"):
        ds = waveform(person(0))
        ds.WaveformSequence[0].WaveformSampleInterpretation = coded
        with pytest.raises(UnsupportedFormat):
            lab.clean(encode(ds))


@pytest.mark.parametrize("profile", PROFILES)
def test_labels_of_waveforms_are_cleaned(lab: Laboratory, profile: str) -> None:
    who = person(0)
    ds = waveform(who)
    group = ds.WaveformSequence[0]
    group.ChannelDefinitionSequence[0].ChannelDerivationDescription = f"by {who.family}, {who.given}"
    group.WaveformFilterDescription = f"set for {who.family}, {who.given}"
    ds.WaveformAnnotationSequence[0].ConceptNameCodeSequence = []
    cleaned = lab.clean(encode(ds), profile)
    out = dcmread(cleaned.output)
    assert out.WaveformSequence[0].WaveformData == group.WaveformData
    assert who.family.encode() not in cleaned.data
    assert audited(cleaned) == set()


RT = {
    0x30060026: b"LO", 0x30060028: b"ST", 0x300A0002: b"SH", 0x300A0003: b"LO", 0x300A0004: b"ST", 0x300A00C2: b"LO",
    0x300A00C3: b"ST", 0x300E0008: b"PN", 0x00700080: b"CS", 0x00700081: b"LO", 0x00700084: b"PN", 0x00620005: b"LO",
    0x00620006: b"ST", 0x00620020: b"UT", 0x00081040: b"LO", 0x300A0014: b"CS", 0x30060085: b"SH", 0x300600A6: b"PN",
    0x300A0794: b"LT", 0x00200027: b"LO", 0x00081050: b"PN", 0x0040A123: b"PN", 0x00280303: b"CS", 0x00420010: b"ST",
}  # fmt: skip


@pytest.mark.parametrize("profile", PROFILES)
def test_labels_of_plans_segments_and_presentations_are_cleaned(lab: Laboratory, profile: str) -> None:
    who = person(0)
    name = f"{who.family}^{who.given}".encode()
    texts = [element(tag, vr, name if vr != b"CS" else name.upper()[:16]) for tag, vr in RT.items()]
    cleaned = lab.clean(with_elements(*texts, nested(0x00081110, *texts)), profile)
    lowered = cleaned.data.lower()
    assert who.family.lower().encode() not in lowered
    assert audited(cleaned) == set()


def test_an_image_with_everything_hidden_is_cleaned_the_same_twice(lab: Laboratory) -> None:
    data = encode(image(person(0), transfer_syntax=uids.JPEG2000Lossless, frames=2))
    assert lab.clean(data).output.read_bytes() == lab.clean(data).output.read_bytes()
