"""Files of the builders broken at random, always the same for the same seed."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import cache, partial
from random import Random

from pydicom import uid as uids

from tests.builders.dicom import Person, encapsulated_pdf, encode, person, report, waveform
from tests.formats.dicom.cleaning import inflated, small

_MAKERS: tuple[Callable[..., object], ...] = (
    partial(small, modality="MR"),
    partial(small, modality="CT", transfer_syntax=uids.ImplicitVRLittleEndian),
    partial(small, modality="US", transfer_syntax=uids.ExplicitVRBigEndian),
    partial(small, modality="MR", frames=2),
    partial(small, modality="US", transfer_syntax=uids.RLELossless),
    partial(small, modality="PT", transfer_syntax=uids.DeflatedExplicitVRLittleEndian),
    report,
    encapsulated_pdf,
    waveform,
)
_PEOPLE = (0, 1, 3, 5, 6)


def _base(number: int) -> tuple[Callable[[], bytes], Person]:
    maker, who = _MAKERS[number % len(_MAKERS)], person(_PEOPLE[number % len(_PEOPLE)])

    @cache
    def encoded() -> bytes:
        return encode(maker(who))  # type: ignore[arg-type]

    return encoded, who


CORPUS = tuple(_base(number) for number in range(len(_MAKERS) * len(_PEOPLE)))
"""Makers of whole files, each with the person it is about. All but the institution stand in several places of each."""

_VRS = tuple(
    vr.encode()
    for vr in "AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US OB OD OF OL OW SQ UC UN UR UT ZZ".split()
)
_TAGS = tuple(
    bytes.fromhex(tag)
    for tag in "10001000 10002000 08003010 08000500 09001000 19000c10 20000d00 fffffffa feff00e0 feffdde0".split()
)
_LENGTHS = (0, 1, 2, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFE, 0x7FFFFFFF)


def mutated(data: bytes, random: Random) -> bytes:
    """The file with one to five changes: bytes, lengths, VRs and tags overwritten, parts cut out, doubled or cut off.

    A deflated data set is mostly changed before it is deflated.
    """
    flat = inflated(data)
    start = 144 + int.from_bytes(data[140:144], "little")
    if flat == data or random.random() < 0.2:
        return bytes(_broken(bytearray(data), random))
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return data[:start] + packer.compress(bytes(_broken(bytearray(flat[start:]), random))) + packer.flush()


def _broken(data: bytearray, random: Random) -> bytearray:
    for _ in range(random.choice((1, 1, 1, 2, 3, 5))):
        random.choice(_WAYS)(data, random)
        data.extend(bytes(max(0, 40 - len(data))))
    return data


def _flip(data: bytearray, random: Random) -> None:
    data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def _overwrite(data: bytearray, random: Random) -> None:
    data[random.randrange(len(data))] = random.randrange(256)


def _overwrite_length(data: bytearray, random: Random) -> None:
    at = random.randrange(len(data) - 4)
    data[at : at + 4] = random.choice((*_LENGTHS, random.randrange(1 << 16))).to_bytes(4, "little")


def _cut_off(data: bytearray, random: Random) -> None:
    del data[random.randrange(len(data)) :]


def _cut_out(data: bytearray, random: Random) -> None:
    at = random.randrange(len(data))
    del data[at : at + random.randrange(1, 40)]


def _insert(data: bytearray, random: Random) -> None:
    at = random.randrange(len(data))
    data[at:at] = random.randbytes(random.randrange(1, 20))


def _double(data: bytearray, random: Random) -> None:
    at, other = random.randrange(len(data)), random.randrange(len(data))
    data[at:at] = data[other : other + random.randrange(8, 200)]


def _change_vr(data: bytearray, random: Random) -> None:
    at = _some_header(data, random)
    data[at : at + 2] = random.choice(_VRS)


def _change_tag(data: bytearray, random: Random) -> None:
    at = _some_header(data, random)
    data[at - 4 : at] = random.choice(_TAGS)


def _change_header(data: bytearray, random: Random) -> None:
    at = _some_header(data, random) + random.randrange(-4, 4)
    data[min(at, len(data) - 1)] = random.randrange(256)


_WAYS: tuple[Callable[[bytearray, Random], None], ...] = (
    _flip,
    _overwrite,
    _overwrite_length,
    _cut_off,
    _cut_out,
    _insert,
    _double,
    _change_vr,
    _change_tag,
    _change_header,
)


def _some_header(data: bytearray, random: Random) -> int:
    """Where the VR of some element stands, 4 or later."""
    found = data.find(random.choice(_VRS), random.randrange(4, len(data)))
    return found if found >= 4 else 4
