"""Files that are broken, hostile or merely odd, as bytes. None may crash, hang or leak; most must be refused."""

from __future__ import annotations

import gc
import struct
import warnings
import zlib
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path

from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.fileset import FileSet
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEGLSLossless,
    MediaStorageDirectoryStorage,
    RLELossless,
)

from tests.builders.dicom import Person, encode, image, person
from tests.builders.elements import (
    ITEM,
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
    data_set_at,
    element,
    head,
    pixels_at,
    plain,
    replaced,
    with_syntax,
)

PERSON = person(0)
"""Whose objects these are: search what comes of them for his identifiers."""
PRIVATE_SYNTAX = UID("1.2.826.0.1.3680043.10.511.3.1")
REQUIRED_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")


def empty() -> bytes:
    """No bytes at all."""
    return b""


def not_dicom() -> bytes:
    """A text file with a name in it."""
    return f"Dear Dr {PERSON.physician}, {PERSON.sentence}\n".encode()


def truncated_header() -> bytes:
    """A file that ends inside the patient's name, after the file meta information."""
    data = encode(image(PERSON))
    return data[: data.index(PERSON.family.encode(), data_set_at(data)) + 4]


def truncated_file_meta() -> bytes:
    """A file that ends inside its file meta information."""
    return encode(image(PERSON))[:150]


def truncated_pixels(encapsulated: bool = False) -> bytes:
    """A file that ends in the middle of its pixels, native or in a fragment."""
    data = encode(image(PERSON, transfer_syntax=RLELossless if encapsulated else ExplicitVRLittleEndian, frames=1))
    return data[: pixels_at(data) + (len(data) - pixels_at(data)) // 2]


def short_pixels() -> bytes:
    """A well-formed file with half as many pixel bytes as its rows and columns ask for."""
    ds = image(PERSON)
    ds.PixelData = ds.PixelData[: len(ds.PixelData) // 2]
    return encode(ds)


def no_preamble() -> bytes:
    """A bare data set in Implicit VR Little Endian, without preamble and file meta information; readable by force."""
    buffer = BytesIO()
    dcmwrite(buffer, Dataset(image(PERSON)), implicit_vr=True, little_endian=True)
    return buffer.getvalue()


def without(keyword: str) -> bytes:
    """A file that lacks one attribute, such as PatientID or one of :data:`REQUIRED_UIDS`, in its data set."""
    data = encode(image(PERSON))
    ds = dcmread(BytesIO(data))
    del ds[keyword]
    return data[: data_set_at(data)] + plain(Dataset(ds))


def wrong_vr() -> bytes:
    """Values that break their VR: a date in words, a number with a name in it, a UID of letters, a short US."""
    wrong = [
        element(0x00080020, b"DA", b"about Easter "),
        element(0x00201208, b"IS", f"7 {PERSON.family}".encode()),
        element(0x0020000E, b"UI", PERSON.patient_id.encode()),
        element(0x00280010, b"US", b"\x01"),
        element(0x00281050, b"DS", b"1e999999"),
    ]
    return replaced(encode(image(PERSON)), wrong)


def unknown_vr() -> bytes:
    """An element whose VR the standard does not know (ZZ), with a name as its value."""
    return replaced(encode(image(PERSON)), [element(0x00104000, b"ZZ", PERSON.family.encode())])


def odd_length() -> bytes:
    """A value of odd length, which the standard forbids and senders write."""
    return replaced(encode(image(PERSON)), [element(0x00104000, b"LT", b"odd", pad=False)])


def out_of_order() -> bytes:
    """Patient's name once more after the pixels, and a second Patient ID in between: tags twice and out of order."""
    data = encode(image(PERSON, PatientName="First^Name"))
    second = element(0x00100020, b"LO", PERSON.other_id.encode())
    at = pixels_at(data)
    return data[:at] + second + data[at:] + element(0x00100010, b"PN", f"{PERSON.family}^Again".encode())


def trailing_junk() -> bytes:
    """A good file with text and zeros after its last element."""
    return encode(image(PERSON)) + PERSON.sentence.encode() + bytes(33)


def deep_nesting(levels: int = 5000, explicit: bool = False, private: bool = False) -> bytes:
    """Sequences in sequences with a name at the bottom: lengths ``explicit`` or undefined, tags standard or private.

    To walk it in pydicom may exhaust the stack, or all memory where the lengths are explicit: look at the bytes first.
    """
    tag = 0x00991001 if private else 0x00081140
    inner = element(0x00100010, b"PN", PERSON.name.encode())
    heads: list[bytes] = []
    length = len(inner)
    for _ in range(levels):
        item, sequence = (length, length + 8) if explicit else (UNDEFINED, UNDEFINED)
        heads.append(head(tag, b"SQ", sequence) + ITEM + struct.pack("<I", item))
        length += 20
    tail = b"" if explicit else (ITEM_END + bytes(4) + SEQUENCE_END + bytes(4)) * levels
    return replaced(encode(image(PERSON)), [b"".join(reversed(heads)) + inner + tail])


def wide_sequence(items: int = 50_000) -> bytes:
    """A sequence of very many empty items."""
    body = (ITEM + bytes(4)) * items
    return replaced(encode(image(PERSON)), [head(0x00081140, b"SQ", len(body)) + body])


def huge_length(vr: bytes = b"OB") -> bytes:
    """A small file with an element that claims nearly 4 GB."""
    return replaced(encode(image(PERSON)), [head(0x00420011, vr, 0xFFFFFFFE) + b"short"], last=True)


def huge_image() -> bytes:
    """A small file whose rows, columns and frames ask for 400 TB of pixels."""
    data = encode(image(PERSON, modality="US", bits=8, frames=2, Rows=65535, Columns=65535))
    return data.replace(element(0x00280008, b"IS", b"2 "), element(0x00280008, b"IS", b"99999 "))


def undecodable() -> bytes:
    """JPEG-LS that begins as it should and goes on with garbage."""
    ds = image(PERSON)
    ds.file_meta.TransferSyntaxUID = JPEGLSLossless
    ds.PixelData = encapsulate([b"\xff\xd8\xff\xf7\x00\x0b\x10" + bytes(range(256)) * 4])
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    return encode(ds)


def private_syntax() -> bytes:
    """A transfer syntax of a vendor's own, in Explicit VR Little Endian as far as the pixels."""
    return with_syntax(encode(image(PERSON)), PRIVATE_SYNTAX)


def wrong_syntax() -> bytes:
    """Explicit VR Little Endian that says it is RLE Lossless."""
    return with_syntax(encode(image(PERSON)), RLELossless)


def group_0004() -> bytes:
    """A directory's elements in an image, one with a file name made of the patient's."""
    name = f"IMAGES\\{PERSON.family.upper()[:8]}".encode()
    return replaced(encode(image(PERSON)), [element(0x00041130, b"CS", b"OLDSET"), element(0x00041500, b"CS", name)])


def deflated_bomb(size: int = 100_000_000) -> bytes:
    """A deflated file of about a thousandth of ``size``: one element that inflates to ``size`` zeros."""
    data = with_syntax(encode(image(PERSON)), DeflatedExplicitVRLittleEndian)
    start = data_set_at(data)
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    packed = packer.compress(data[start : pixels_at(data)] + head(0x7FE00010, b"OW", size))
    packed += b"".join(packer.compress(bytes(min(1 << 20, size - done))) for done in range(0, size, 1 << 20))
    return data[:start] + packed + packer.flush()


def broken_deflate() -> bytes:
    """A deflated file whose stream breaks off in the middle."""
    data = encode(image(PERSON, transfer_syntax=DeflatedExplicitVRLittleEndian))
    return data[: len(data) - len(data) // 3]


def dicomdir(folder: Path) -> Path:
    """Write a file-set of two people's images into the folder, and return its DICOMDIR, which names them."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", ResourceWarning
        )  # pydicom leaves its temporary folders to the garbage collector
        files = FileSet()
        files.UID = UID("1.2.826.0.1.3680043.10.511.4")
        for number in (0, 1):
            files.add(image(person(number), modality="CT"))
        files.write(folder, use_existing=False)
        del files
        gc.collect()
    return folder / "DICOMDIR"


def dicomdir_alone() -> bytes:
    """An object that says it is a DICOMDIR, under any file name."""
    ds = image(PERSON, SOPClassUID=MediaStorageDirectoryStorage)
    ds.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    return encode(ds)


def hostile_names(person: Person = PERSON) -> list[str]:
    """File names as they come, most with the person's name; bytes that are no UTF-8 stand as surrogates."""
    name = f"{person.family}_{person.given}"
    return [
        f"{name}.dcm",
        f"{name} \u00fc\u65e5\u672c \U0001f600.dcm",
        f"u\u0308_{name}",
        f"{name}\nline.dcm",
        f"{name}\t\x01\x7f.dcm",
        f"{name} with 'quotes' \"and\" $(id) `id`; & | * ?.dcm",
        f"-rf {name}",
        f"--{name}.dcm",
        f"..%2f..%2f{name}",
        f"..{name}",
        f"C:\\{name}.dcm",
        f"{name}.dcm.",
        f" {name} ",
        f"%00{name}%n%s{{0}}",
        f"{name}_" + "x" * (250 - len(f"{name}_".encode())),
        f"{name}_\udcff\udcfe.dcm",
        f"\u202e{name}.mcd",
        "CON",
    ]


def all_bad() -> dict[str, Callable[[], bytes]]:
    """Every maker of this module that needs no folder, by name, those with choices once for each."""
    makers = [
        empty, not_dicom, truncated_header, truncated_file_meta, truncated_pixels, short_pixels, no_preamble, wrong_vr,
        unknown_vr, odd_length, out_of_order, trailing_junk, deep_nesting, wide_sequence, huge_length, huge_image,
        undecodable, private_syntax, wrong_syntax, group_0004, deflated_bomb, broken_deflate, dicomdir_alone,
    ]  # fmt: skip
    choices = {
        "truncated_fragment": partial(truncated_pixels, encapsulated=True),
        "deep_nesting_explicit": partial(deep_nesting, explicit=True),
        "deep_nesting_private": partial(deep_nesting, private=True),
        **{f"without_{keyword}": partial(without, keyword) for keyword in REQUIRED_UIDS},
    }
    return {**{maker.__name__: maker for maker in makers}, **choices}
