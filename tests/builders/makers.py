"""Small slides of Philips, Leica and Ventana with planted identifiers, as OpenSlide reads these formats."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

from tests.builders.slides import NAME, Page, jpeg, level, picture

NEEDLES = (b"DOE", b"JANE", b"4711", b"Roe", b"SN7347", b"20151209", b"2010-10-01T10", b"Elsewhere", b"Etikett")
"""What no cleaned slide holds, in any encoding."""


def replaced(page: Page, number: int, kind: int, values: Sequence[int] | bytes) -> Page:
    """The page with another value of a tag."""
    page.tags = [tag for tag in page.tags if tag[0] != number] + [(number, kind, values)]
    return page


def philips(*, sizes: Sequence[int] = (512, 256), extra: str = "") -> list[Page]:
    """Levels, label and macro as images of their own, and both again in the description."""
    text = philips_description(len(sizes), extra=extra).encode()
    first = replaced(level(sizes[0], 20, text), 305, 2, b"Philips DP v1.0 of " + NAME + b"\0")
    others = [
        level(size, 90 + number, f"level={number + 1} mag={20 >> number} quality=80".encode(), reduced=True)
        for number, size in enumerate(sizes[1:])
    ]
    return [first, *others, picture(b"Label " + NAME), picture(b"Macro")]


def philips_description(levels: int, *, extra: str = "") -> str:
    """The description of a slide with so many levels; ``extra`` stands beside its images."""
    label = b64encode(jpeg(9, comment=NAME, size=64)).decode()
    spaces = [f"&quot;{0.00025 * 2**number}&quot; &quot;{0.00025 * 2**number}&quot;" for number in range(levels)]
    sequence = "".join(
        _object("PixelDataRepresentation", _attribute("DICOM_PIXEL_SPACING", space)
                + _attribute("PIIM_PIXEL_DATA_REPRESENTATION_NUMBER", str(number)))
        for number, space in enumerate(spaces)
    )  # fmt: skip
    derived = f"tiff-useBigTIFF=1-levels=40,20-processing=0-q80-sourceFilename=&quot;{NAME.decode()}.isyntax&quot;"
    slide = _object(
        "DPScannedImage",
        _attribute("PIM_DP_IMAGE_TYPE", "WSI") + _attribute("DICOM_DERIVATION_DESCRIPTION", derived)
        + _attribute("DICOM_PIXEL_SPACING", spaces[0]) + _attribute("DICOM_PHOTOMETRIC_INTERPRETATION", "RGB")
        + _attribute("DICOM_BITS_ALLOCATED", "8") + _attribute("PIM_DP_IMAGE_DATA", label)
        + _attribute("PIIM_PIXEL_DATA_REPRESENTATION_SEQUENCE", f"<Array>{sequence}</Array>"),
    )  # fmt: skip
    others = "".join(
        _object("DPScannedImage", _attribute("PIM_DP_IMAGE_TYPE", kind) + _attribute("PIM_DP_IMAGE_DATA", label))
        for kind in ("LABELIMAGE", "MACROIMAGE")
    )
    barcode = b64encode(NAME).decode()
    return '<?xml version="1.0" encoding="UTF-8" ?>\n' + _object(
        "DPUfsImport",
        _attribute("DICOM_ACQUISITION_DATETIME", "20151209172929.000000")
        + _attribute("DICOM_DEVICE_SERIAL_NUMBER", "SN7347") + _attribute("DICOM_MANUFACTURER", "PHILIPS")
        + _attribute("PIIM_DP_SCANNER_OPERATOR_ID", "Dr Roe") + _attribute("PIM_DP_UFS_BARCODE", barcode)
        + _attribute("PIM_DP_SCANNED_IMAGES", f"<Array>{others}{slide}</Array>")
        + f"<!-- {NAME.decode()} -->" + extra,
    )  # fmt: skip


def _object(kind: str, inner: str) -> str:
    return f'<DataObject ObjectType="{kind}">\n{inner}</DataObject>\n'


def _attribute(name: str, inner: str) -> str:
    return f'\t<Attribute Name="{name}" Group="0x301D" Element="0x1002" PMSVR="IString">{inner}</Attribute>\n'
