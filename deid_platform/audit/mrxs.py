"""The judge of cleaned slides of 3DHISTECH: unpacked, opened by OpenSlide, and searched for all that was told before.

Nothing is read by the code that cleaned: archives by tarfile, the index by numbers counted here again.
"""

from __future__ import annotations

import base64
import configparser
import re
import shutil
import struct
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from deid_platform.audit import wsi
from deid_platform.audit.bytesearch import Needlestack
from deid_platform.errors import UnsafeToRelease
from deid_platform.model import Finding, Reason

_MOST_MEMBERS, _PIECE, _OVERLAP = 4200, 1 << 22, 1 << 10
_SAFE = re.compile(r"[^/\\\0]{1,100}(?:/[^/\\\0]{1,100})?")
_RELEASED = re.compile(r"([0-9.]+)(?:\.mrxs|/(?:Slidedat\.ini|Index\.dat|Data[0-9]{4}\.dat))")
_PLAIN = re.compile(
    r"-?\d{1,10}(?:\.\d{1,20}){0,3}|JPEG|PNG|BMP24|SLIDE_TYPE_[A-Z]+|Slide zoom level|ZoomLevel_\d+|default|Index\.dat|"
    r"LAYER_0_LEVEL_\d+_SECTION|Data\d{4}\.dat|VIMSLIDE_POSITION_BUFFER|StitchingIntensityLayer"
)
_NUMBER = re.compile(r"-?\d{1,5}|-?\d*\.\d+")
_LEAST, _MOST = 5, 200
_SAID_ANYWAY = b"Slidedat.ini SLIDE_VERSION SLIDE_ID IMAGENUMBER_X CameraImageDivisionsPerSide HIERARCHICAL default"


def audit_file(item: str, source: Path, output: Path, name: str = "") -> Iterator[Finding]:
    """What of an original called ``name`` is left: pictures, properties, values in any place, bytes no image needs."""
    try:
        with unpacked(source) as before, unpacked(output) as after:
            hits = sorted({*_names(output), *_opened(after), *_left(before, after, output, name), *_unneeded(after)})
    except Exception:  # noqa: BLE001 - whatever a reader trips over, the object is not fit for release
        hits = [("object", "unreadable", str(Reason.FORBIDDEN_CONTENT))]
    for where, kind, rule in hits:
        yield Finding(item, where, kind, rule)


def altered_levels(source: Path, output: Path) -> Iterator[tuple[str, str]]:
    """Whether the sizes of levels differ, or a sample of what they show."""
    try:
        with unpacked(source) as before, unpacked(output) as after:
            found = [("pixels", "altered")] if wsi.regions_differ(before, after) else []
    except Exception:  # noqa: BLE001 - as above
        found = [("pixels", "not_compared")]
    yield from found


def text_left(output: Path) -> bool:
    """Whether a reader finds text in an overview of the slide.

    Raises
    ------
    UnsafeToRelease
        Nobody can say.
    """
    try:
        with unpacked(output) as after:
            return wsi.text_left(after)
    except (OSError, tarfile.TarError, ValueError):
        raise UnsafeToRelease("The slide cannot be unpacked.", Reason.PIXELS_UNDECODABLE) from None


@contextmanager
def unpacked(archive: Path) -> Iterator[Path]:
    """The slide's file in a temporary folder, its own folder beside it. Raises ValueError for what no slide has."""
    with tempfile.TemporaryDirectory(prefix="deid-platform-") as folder:
        first: Path | None = None
        with tarfile.open(archive, "r:") as tar:
            for count, info in enumerate(tar):
                if not info.isreg() or not _SAFE.fullmatch(info.name) or ".." in info.name or count >= _MOST_MEMBERS:
                    raise ValueError("a member that no slide has")
                place = Path(folder, info.name)
                first = first or place
                place.parent.mkdir(exist_ok=True)
                with place.open("xb") as sink, closing(tar.extractfile(info) or sink) as member:
                    shutil.copyfileobj(member, sink, _PIECE)
        if first is None:
            raise ValueError("no slide")
        yield first


def _names(output: Path) -> Iterator[tuple[str, str, str]]:
    """Whether file and folder are called by one UID, and their members as the platform calls them."""
    with tarfile.open(output, "r:") as tar:
        found = [_RELEASED.fullmatch(name) for name in tar.getnames()]
    if len({match and match[1] for match in found}) != 1 or None in found:
        yield "name", "not_removed", str(Reason.FORBIDDEN_CONTENT)


def _opened(after: Path) -> Iterator[tuple[str, str, str]]:
    from openslide import OpenSlide  # slow to load, and of use for slides only

    forbidden = str(Reason.FORBIDDEN_CONTENT)
    with ExitStack() as stack:
        slide = stack.enter_context(closing(OpenSlide(str(after))))
        for name in slide.associated_images:
            yield f"image {name if name in ('label', 'macro', 'thumbnail') else 'other'}", "not_removed", forbidden
        for key, value in slide.properties.items():
            told = key.startswith("mirax.") and key != "mirax.GENERAL.SLIDE_ID"
            if told and not _PLAIN.fullmatch(value):
                yield "property", "not_removed", forbidden


def _left(before: Path, after: Path, output: Path, name: str) -> Iterator[tuple[str, str, str]]:
    """Values of the original Slidedat.ini, and parts of its name, that are found anywhere in the archive."""
    parts = {part for part in re.split(r"[\W_]+", name.rpartition("/")[2].removesuffix(".mrxs")) if len(part) > _LEAST}
    gone = {value for value in (_values(before) | parts) - _values(after) if not _NUMBER.fullmatch(value)}
    needles = {form for value in gone if len(value) >= _LEAST for form in _forms(value[:_MOST])}
    stack = Needlestack(form for form in needles if form not in _SAID_ANYWAY)
    with output.open("rb") as file:
        data = b""
        while piece := file.read(_PIECE):
            data = data[-_OVERLAP:] + piece
            if any(stack.found_in(data)):
                yield "object", "property_left", str(Reason.RESIDUAL_IDENTIFIER)
                return


def _values(slide: Path) -> set[str]:
    text = _folder(slide).joinpath("Slidedat.ini").read_bytes().decode("utf-8-sig", "replace")
    return {line.partition("=")[2].strip() for line in re.split(r"[\r\n]+", text)}


def _forms(value: str) -> Iterator[bytes]:
    for codec in ("utf-8", "latin-1", "utf-16-le", "utf-16-be"):
        try:
            yield value.encode(codec)
        except UnicodeEncodeError:
            continue
    whole = value.encode("utf-8")
    if len(whole) >= 2 * _LEAST:
        for skipped in range(3):  # base64 of a text that begins anywhere in a group of three bytes
            inner = whole[skipped:][: (len(whole) - skipped) // 3 * 3]
            yield base64.b64encode(inner)


def _unneeded(after: Path) -> Iterator[tuple[str, str, str]]:
    """Bytes that no record of the index covers: of Data files those that are not zero, of the index any."""
    told = configparser.ConfigParser(interpolation=None, strict=False)
    told.read_string(_folder(after).joinpath("Slidedat.ini").read_text("utf-8-sig"))
    tree = told["HIERARCHICAL"]
    start = b"01.02" + told["GENERAL"]["SLIDE_ID"].encode("ascii")
    levels, others = int(tree["HIER_0_COUNT"]), int(tree["NONHIER_COUNT"])
    index = _folder(after).joinpath("Index.dat").read_bytes()
    records = list(_records(index, len(start), levels, others))
    if len(index) != len(start) + 8 + 20 * levels + 40 * others + 16 * (len(records) - others):
        yield "Index.dat", "not_removed", str(Reason.FORBIDDEN_CONTENT)
    for number in range(int(told["DATAFILE"]["FILE_COUNT"])):
        covered = sorted((at, at + size) for at, size, file in records if file == number)
        path = _folder(after) / told["DATAFILE"][f"FILE_{number}"]
        if not _is_zero_outside(path, start, covered):
            yield f"Data file {number}", "not_removed", str(Reason.FORBIDDEN_CONTENT)


def _records(index: bytes, at: int, levels: int, others: int) -> Iterator[tuple[int, int, int]]:
    table, other = struct.unpack_from("<2i", index, at)
    for pointer in struct.unpack_from(f"<{levels}i", index, table):
        page, following = struct.unpack_from("<i", index, pointer + 4)[0], 1
        while following:
            count, following = struct.unpack_from("<2i", index, page)
            rows = struct.iter_unpack("<4i", index[page + 8 : page + 8 + 16 * count])
            yield from ((start, size, file) for _, start, size, file in rows)
            if following and following <= page:
                raise ValueError("pages lead in a circle")
            page = following
    for pointer in struct.unpack_from(f"<{others}i", index, other):
        (page,) = struct.unpack_from("<i", index, pointer + 4)
        yield struct.unpack_from("<3i", index, page + 16)


def _is_zero_outside(path: Path, start: bytes, covered: list[tuple[int, int]]) -> bool:
    with path.open("rb") as file:
        at = len(start) if file.read(len(start)) == start else 0
        for begin, end in [*covered, (path.stat().st_size, 0)]:
            file.seek(at)
            while at < begin:
                piece = file.read(min(_PIECE, begin - at))
                if not piece or piece.count(0) != len(piece):
                    return False
                at += len(piece)
            at = max(at, end)
    return True


def _folder(slide: Path) -> Path:
    return slide.with_name(slide.name.removesuffix(".mrxs"))
