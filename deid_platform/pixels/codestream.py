"""What a compressed frame says about itself, read before a decoder sees it.

Decoders believe the codestream, DICOM readers believe the data set. Where the two differ, a frame may be larger than
declared, or hold a second image nobody is shown; such a frame is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

_JPEG_START = b"\xff\xd8"
_J2K_START = b"\xff\x4f\xff\x51"
_JP2_START = b"\x00\x00\x00\x0cjP  "
_START_OF_DATA = b"\xff\x93"
_END = b"\xff\xd9"
_JPEG_LS_FRAME = 0xF7
_NO_FRAME_HEADER = frozenset({0xC4, 0xC8, 0xCC})
_START_OF_SCAN = 0xDA
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})
# One byte makes the fragment even; some writers pad to a multiple of sixteen.
_PADDING = 16
_COLOUR_SPACE = frozenset({0xE0, 0xEE})
_CODING_STYLE, _START_OF_TILE = 0xFF52, 0xFF90


@dataclass(frozen=True, slots=True)
class Codestream:
    """Size in pixels, samples per pixel and bits per sample as the compressed frame itself states them.

    What else another frame of the same kind has to say alike: ``signed`` samples and ``mixed`` colours (the component
    transformation) of JPEG 2000, the ``interleave`` mode of JPEG-LS, and of JPEG the identifiers of ``components`` with
    the ``application`` segments from which decoders guess the colour space (JFIF and Adobe).
    """

    rows: int
    columns: int
    samples: int
    precision: int
    signed: bool = False
    mixed: bool = False
    interleave: int = 0
    components: bytes = b""
    application: bytes = b""


def starts_image(fragment: bytes) -> bool:
    """Whether a fragment begins a JPEG, JPEG-LS, JPEG 2000 or HTJ2K image rather than continuing one."""
    return fragment.startswith((_JPEG_START, _J2K_START, _JP2_START))


def parse(frame: bytes) -> Codestream:
    """Read the header of one whole compressed frame and see that exactly one image, with its end, is there.

    Raises
    ------
    ValueError
        The frame is no JPEG, JPEG-LS or JPEG 2000 codestream, ends early, or goes on after its end.
        Source: ISO/IEC 10918-1 annex B, 14495-1 annex C, 15444-1 annex A: the end marker cannot occur in coded data.
    """
    stated, data = _jpeg_2000(frame) if not frame.startswith(_JPEG_START) else _jpeg(frame)
    end = frame.find(_END, data)
    if end < 0:
        raise ValueError("the compressed frame has no end")
    if len(frame) - (end + len(_END)) > _PADDING:
        raise ValueError("the compressed frame goes on after its end")
    return stated


def _jpeg(frame: bytes) -> tuple[Codestream, int]:
    """Walk the marker segments up to the first scan; return what the frame header says and where the scan starts."""
    stated = None
    application = b""
    for marker, start, end in _segments(frame):
        if (0xC0 <= marker <= 0xCF and marker not in _NO_FRAME_HEADER) or marker == _JPEG_LS_FRAME:
            stated = _frame_header(frame, start + 2)
        elif marker in _COLOUR_SPACE:
            application += bytes((0xFF, marker)) + frame[start:end]
    if stated is None:
        raise ValueError("the compressed frame has no frame header")
    return replace(stated, interleave=_interleave(frame, start + 2), application=application), end


def _interleave(frame: bytes, at: int) -> int:
    """Of the scan header of JPEG-LS: behind the number of components two bytes for each, the error allowed, and this.

    Source: ISO/IEC 14495-1 C.2.3. In other processes nobody asks for this byte.
    """
    mode = _number(frame, at + 2 + 2 * _number(frame, at, 1), 1)
    return mode if mode in (1, 2) else 0


def _segments(frame: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each marker segment up to the one that begins the first scan."""
    marker, position = 0, len(_JPEG_START)
    while marker != _START_OF_SCAN:
        marker, position = _marker(frame, position)
        if marker in _STANDALONE:
            continue
        length = _number(frame, position, 2)
        if length < 2:
            raise ValueError("a marker segment of the compressed frame is too short")
        yield marker, position, position + length
        position += length


def _marker(frame: bytes, position: int) -> tuple[int, int]:
    """The marker code at ``position``, which fill bytes may precede, and the position behind it."""
    if _number(frame, position, 1) != 0xFF:
        raise ValueError("a marker of the compressed frame is missing")
    while (code := _number(frame, position, 1)) == 0xFF:
        position += 1
    return code, position + 1


def _frame_header(frame: bytes, at: int) -> Codestream:
    return Codestream(
        precision=_number(frame, at, 1),
        rows=_number(frame, at + 1, 2),
        columns=_number(frame, at + 3, 2),
        samples=_number(frame, at + 5, 1),
        components=frame[at + 6 : at + 6 + 3 * _number(frame, at + 5, 1) : 3],
    )


def _jpeg_2000(frame: bytes) -> tuple[Codestream, int]:
    """Read the SIZ segment, which follows the start of the codestream at once, also inside a JP2 wrapping."""
    start = frame.find(_J2K_START) if frame.startswith(_JP2_START) else 0
    if start < 0 or frame[start : start + len(_J2K_START)] != _J2K_START:
        raise ValueError("the compressed frame is of an unknown kind")
    # Behind the marker: length 2, capabilities 2, then width, height and their offsets, 4 bytes each.
    size = start + len(_J2K_START) + 4
    right, bottom, left, top = (_number(frame, size + 4 * place, 4) for place in range(4))
    samples = _number(frame, size + 32, 2)
    depth = _number(frame, size + 34, 1)
    data = frame.find(_START_OF_DATA, size)
    if data < 0:
        raise ValueError("the compressed frame has no data")
    stated = Codestream(bottom - top, right - left, samples, (depth & 0x7F) + 1, bool(depth >> 7), _mixed(frame, start))
    return stated, data


def _mixed(frame: bytes, start: int) -> bool:
    """Whether the coding style of a JPEG 2000 codestream asks for a transformation of its components."""
    at = start + len(_J2K_START) - 2
    while (marker := _number(frame, at, 2)) not in {_CODING_STYLE, _START_OF_TILE}:
        at += 2 + max(_number(frame, at + 2, 2), 2)
    # Behind the marker: length 2, style 1, progression 1, layers 2.
    return marker == _CODING_STYLE and _number(frame, at + 8, 1) == 1


def _number(frame: bytes, at: int, size: int) -> int:
    """The big-endian number of ``size`` bytes at ``at``."""
    raw = frame[at : at + size]
    if len(raw) < size:
        raise ValueError("the compressed frame ends within its header")
    return int.from_bytes(raw, "big")
