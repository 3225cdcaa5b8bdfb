"""Small slides of Philips, Leica and Ventana, and OME-TIFF, with planted identifiers, as readers want them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from itertools import product

import numpy as np

from tests.builders.slides import NAME, Page, jpeg, level, picture

NEEDLES = (b"DOE", b"JANE", b"4711", b"Roe", b"SN7347", b"20151209", b"2010-10-01T10", b"Elsewhere", b"Etikett")
"""What no cleaned slide holds, in any encoding."""


def left(data: bytes) -> list[bytes]:
    """Planted values in some bytes, as they are, in UTF-16 or in base64."""
    return [
        one for one in NEEDLES
        if any(one.decode().encode(codec) in data for codec in ("ascii", "utf-16-le", "utf-16-be"))
    ] + [NAME for _ in range(1) if b64encode(NAME)[:20] in data]  # fmt: skip


def replaced(page: Page, number: int, kind: int, values: Sequence[int] | bytes) -> Page:
    """The page with another value of a tag."""
    page.tags = [tag for tag in page.tags if tag[0] != number] + [(number, kind, values)]
    return page


def philips(*, sizes: Sequence[int] = (512, 256), extra: str = "") -> list[Page]:
    """Levels, label and macro as images of their own, and both again in the description."""
    text = philips_description(len(sizes), extra=extra).encode()
    first = replaced(level(sizes[0], 20, text), 305, 2, b"Philips DP v1.0 of " + NAME + b"\0")
    others = [
        level(size, 40 + number, f"level={number + 1} mag={20 >> number} quality=80".encode(), reduced=True)
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


def leica(*, areas: int = 1, extra: str = "", xml: str = "") -> list[Page]:
    """A macro in two sizes, and areas of tissue in two; the first image tells of all in XML (another with ``xml``)."""
    pages = [level(512, 170, b"Macro"), level(256, 180, b"Macro", reduced=True)]
    for number in range(areas):
        pages += [level(512, 20 + 10 * number), level(256, 40 + 10 * number, reduced=True)]
    return [replaced(pages[0], 270, 2, (xml or leica_description(areas, extra=extra)).encode() + b"\0"), *pages[1:]]


def leica_description(areas: int = 1, *, extra: str = "") -> str:
    """The description of a slide with so many areas; ``extra`` stands beside its images."""
    images = [_leica_image((0, 0), (1_500_000, 1_500_000), (0, 1), "0.60833")]
    places = [(200_000 + 600_000 * number, 300_000 + 200_000 * number) for number in range(areas)]
    images += [
        _leica_image(place, (256_000, 256_000), (2 * number + 2, 2 * number + 3), "20")
        for number, place in enumerate(places)
    ]
    barcode = b64encode(NAME).decode()
    return (
        '<?xml version="1.0"?>\n<scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01" '
        'uuid="urn:uuid:4711-DOE">\n'
        f'<collection name="{NAME.decode()}" uuid="urn:uuid:4711" sizeX="1500000" sizeY="1500000">\n'
        f"<barcode>{barcode}</barcode><!-- {NAME.decode()} -->{extra}{''.join(images)}</collection></scn>"
    )


def _leica_image(place: tuple[int, int], size: tuple[int, int], directories: Sequence[int], objective: str) -> str:
    dimensions = "".join(
        f'<dimension sizeX="{512 >> number}" sizeY="{512 >> number}" r="{number}" ifd="{directory}" />\n'
        for number, directory in enumerate(directories)
    )
    return (
        f'<image name="JANE of Elsewhere" uuid="urn:uuid:4711"><creationDate>2010-10-01T10:20:30.1Z</creationDate>\n'
        '<device model="Leica SCN400;SN7347" version="1.4.0 of Dr Roe" />\n'
        f'<pixels sizeX="512" sizeY="512">\n{dimensions}</pixels>\n'
        f'<view sizeX="{size[0]}" sizeY="{size[1]}" offsetX="{place[0]}" offsetY="{place[1]}" spacingZ="400" />\n'
        f"<scanSettings><objectiveSettings><objective>{objective}</objective></objectiveSettings>\n"
        "<illuminationSettings><numericalAperture>0.4</numericalAperture>"
        "<illuminationSource>brightfield</illuminationSource></illuminationSettings></scanSettings></image>\n"
    )


def ventana(*, tiles: bool = True, scan: str = "", info: str = "", layers: int = 1) -> list[Page]:
    """The photograph of the slide and its label, a map and a thumbnail, and three levels, the first with XML of its
    ``tiles`` (``info``, if given) as BIF has it; ``scan`` is other XML of the scan.
    """
    first = replaced(picture(b"Label Image"), 700, 1, (scan or ventana_scan(layers)).encode() + b"\0")
    levels = [
        level(1024 >> number, 20 + 30 * number, f"level={number} mag={20 / 2**number:g} quality=90".encode())
        for number in range(3)
    ]
    if tiles:
        replaced(levels[0], 700, 1, (info or ventana_info()).encode() + b"\0")
    else:
        levels[0].tags = [tag for tag in levels[0].tags if tag[0] != 700]
    return [first, picture(b"Probability_Image of " + NAME), *levels, picture(b"Thumbnail")]


def ventana_scan(layers: int = 1, *, extra: str = "") -> str:
    """XML of the scan; ``extra`` stands in it."""
    return (
        f'<?xml version="1.0" encoding="utf-8" ?>\n<iScan Mode="brightfield" Magnification="20" ScanRes="0.465000" '
        f'UnitNumber="SN7347" ScannerModel="of Elsewhere" Z-layers="{layers}" Z-spacing="1" UserName="Dr Roe" '
        f'BuildDate="20151209" SlideAnnotation="{NAME.decode()}" Barcode1D="S20-4711" Barcode2D=\'{NAME.decode()}\' '
        f'ScanDate="2010-10-01T10:20:30" FocusMode="0">{extra}<!-- {NAME.decode()} -->'
        '<AOI0 Left="4711" Top="1536" Right="512" Bottom="0"><FocusPoint>JANE</FocusPoint></AOI0></iScan>'
    )


def ventana_info(*, extra: str = "") -> str:
    """XML of a level of 4 x 4 tiles in two areas: 4 x 2 tiles at the top and 2 x 2 below, and one not scanned."""
    return (
        '<?xml version="1.0"?>\n<EncodeInfo Ver="2">\n'
        f'<SlideInfo Rack="DOE" Slot="JANE" BaseName="{NAME.decode()}" OutputFileName="C:\\{NAME.decode()}.bif">'
        f'<iScan UserName="Dr Roe" Barcode1D="S20-4711"/><AoiInfo XIMAGESIZE="256"/></SlideInfo>{extra}\n'
        '<SlideStitchInfo Left="-1" Top="JANE">\n'
        + _area(0, 4, 2, (0, 700)) + '<ImageInfo AOIScanned="0" AOIIndex="1" Etikett="DOE" NumRows="JANE" NumCols="0"/>'
        + _area(2, 2, 2, (900, 0)) +
        "</SlideStitchInfo>\n<AoiOrigin Operator='Roe'>"
        '<AOI0 OriginX="0" OriginY="0"/><AOI1 OriginX="0" OriginY="0"/><AOI2 OriginX="0" OriginY="512" By="Roe"/>'
        f"</AoiOrigin></EncodeInfo>\n{' ' * 40}"
    )  # fmt: skip


def _area(index: int, across: int, down: int, place: tuple[int, int]) -> str:
    joints = [
        ("RIGHT", _number(across, down, column, row), _number(across, down, column + 1, row), "10.500000", "0")
        for column in range(across - 1)
        for row in range(down)
    ] + [
        ("UP", _number(across, down, column, row), _number(across, down, column, row - 1), "0", "20.000000")
        for column in range(across)
        for row in range(1, down)
    ]
    told = "".join(
        f'<TileJointInfo FlagJoined="1" Confidence="98" Direction="{way}" Tile1="{one}" Tile2="{other}" '
        f'OverlapX="{x}" OverlapY="{y}" Operator="Dr Roe"/>\n'
        for way, one, other, x, y in joints
    )
    return (
        f'<ImageInfo AOIScanned="1" AOIIndex="{index}" NumRows="{down}" NumCols="{across}" Width="256" Height="256" '
        f'Pos-X="{place[0]}.000000" Pos-Y="{place[1]}" Seen="20151209">\n'
        f'{told}<FrameInfo AOIScanned="1"><Frame XY="0,0" Z="4711"/></FrameInfo></ImageInfo>\n'
    )


def _number(across: int, down: int, column: int, row: int) -> int:
    """The number of a tile: from below upwards, in every other row from right to left."""
    up = down - row - 1
    return up * across + (across - column - 1 if up % 2 else column) + 1


def ome_description(*, size: int = 64, z: int = 3, c: int = 2, t: int = 1, rgb: bool = False, extra: str = "") -> bytes:
    """The OME-XML of a stack in the order Z, C, T, with names, dates and files in many places."""
    uuid = f'<UUID FileName="{NAME.decode()}.ome.tiff">urn:uuid:384f2f43-b2ba-49d5-bb59-fc8bb3b76c9d</UUID>'
    told = "".join(
        f'<TiffData FirstC="{channel}" FirstT="{time}" FirstZ="{plane}" IFD="{number}" PlaneCount="1">{uuid}</TiffData>'
        for number, (time, channel, plane) in enumerate(product(range(t), range(0, c, 3 if rgb else 1), range(z)))
    )
    channels = "".join(
        f'<Channel ID="Channel:0:{n}" Name="{NAME.decode()}" SamplesPerPixel="{3 if rgb else 1}" Color="-1"/>'
        for n in range(1 if rgb else c)
    )
    pixels = (
        f'<Pixels BigEndian="false" DimensionOrder="XYZCT" ID="Pixels:0" SizeX="{size}" SizeY="{size}" SizeZ="{z}" '
        f'SizeC="{c}" SizeT="{t}" Type="uint8" PhysicalSizeX="0.25" PhysicalSizeXUnit="mm">{channels}{told}'
        f'<Plane TheZ="0" TheC="0" TheT="0" DeltaT="1"/></Pixels>'
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><!-- Warning: {NAME.decode()} --><OME xmlns='
        f'"http://www.openmicroscopy.org/Schemas/OME/2016-06" Creator="{NAME.decode()}" '
        f'UUID="urn:uuid:384f2f43-b2ba-49d5-bb59-fc8bb3b76c9d"><Experimenter ID="E:0" LastName="DOE JANE S20-4711"/>'
        f'<Image ID="Image:0" Name="{NAME.decode()}"><AcquisitionDate>2020-01-03T10:11:12</AcquisitionDate>{pixels}'
        f"</Image>{extra}</OME>"
    ).encode()


def ome_stack(
    description: bytes = b"", *, planes: int = 6, size: int = 64, rows: int = 20, bits: int = 8
) -> list[Page]:
    """Planes in strips, the last one shorter, one image each; the first tells of all."""
    text = description or ome_description(size=size)
    pages = []
    for number in range(planes):
        row = size * bits // 8
        samples = (np.arange(row * size) // 7 + 3 * number).astype(np.uint8).tobytes()
        pieces = [samples[at : at + row * rows] for at in range(0, len(samples), row * rows)]
        tags: list[tuple[int, int, Sequence[int] | bytes]] = [
            (256, 3, [size]), (257, 3, [size]), (258, 3, [bits]), (259, 3, [1]), (262, 3, [1]), (277, 3, [1]),
            (278, 3, [rows]), (305, 2, NAME + b"\0"), (306, 2, b"2009:12:29 09:59:15\0"),
        ]  # fmt: skip
        pages.append(Page(tags + ([(270, 2, text + b"\0")] if not number else []), pieces, False))
    return pages
