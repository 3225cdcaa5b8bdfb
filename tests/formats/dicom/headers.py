"""Vendor headers of people who do not exist, and a profile that keeps what is harmless of them."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

CSA = "vendor/siemens_csa_elements.csv"
PROTOCOL = """<XProtocol>
{ <ParamString."tPatientName"> { "Zacharias Kent" } }
### ASCCONV BEGIN object=MrProtDataImpl@MrProtocolData version=51130001 converter=%MEASCONST%/ConverterList/x.txt ###
ulVersion\t = \t0x14b44b6
tProtocolName\t = \t"Zacharias"
tSequenceFileName\t = \t"%SiemensSeq%\\ep2d_bold"
tReferenceImage0\t = \t"1.3.12.2.1107.5.2.32.35177.300000012.20110523.1"
sKSpace.lBaseResolution\t = \t64 # 0x40
sKSpace.lZacharias\t = \t1
sKSpace.ucPhasePartialFourier\t = \tZacharias
alTE[0]\t = \t3.0e4
alTE[1]\t = \t20110523
sGRADSPEC.asGPAData[0].tName\t = \t"Zacharias"
sTXSPEC.asNucleusInfo[0].tNucleus\t = \t"1H"
sCoilSelectMeas.aRxCoilSelectData[0].asList[0].sCoilElementID.tCoilID\t = \t"Zacharias"
### ASCCONV END ###
{ "Zacharias" }
"""
RESEARCH = """
name = "headers"
edition = "2026c"
options = ["clean_descriptors", "retain_modified_dates", "retain_safe_private"]
private_tables = ["tcia/private_tag_kb_2024-02-01.csv", "vendor/safe_private.csv"]
vendor_headers = ["siemens_csa", "siemens_protocol", "ge_protocol"]
"""


def research(folder: Path) -> str:
    """The path of a profile that asks for all vendor headers."""
    path = folder / "headers.toml"
    path.write_text(RESEARCH)
    return str(path)


def csa(*elements: tuple[str, str, list[bytes]], garbage: bytes = b"") -> bytes:
    """A CSA header with ``garbage`` wherever a writer may have left some."""
    out = b"SV10\4\3\2\1" + struct.pack("<II", len(elements), 77)
    for name, vr, items in elements:
        field = (name.encode() + b"\0" + garbage)[:64].ljust(64, b"\0")
        out += field + struct.pack("<i", len(items)) + (vr.encode() + b"\0\0") + struct.pack("<iii", 6, len(items), 77)
        for item in items:
            body = item + b"\0" + garbage
            out += struct.pack("<4i", len(body), len(body), 77, len(body)) + body
            out += (garbage + b"\0\0\0\0")[: -len(body) % 4]
    return out + garbage


def ge_protocol(text: str, name: bytes = b"") -> bytes:
    """A GE protocol data block, with a file name in its gzip header or none."""
    packed = gzip.compress(text.encode(), mtime=0)
    if name:
        packed = packed[:3] + b"\x08" + packed[4:10] + name + b"\0" + packed[10:]
    return struct.pack("<I", len(packed)) + packed


def ge_flags(version: float, flags: dict[int, int], fill: bytes = b"Zacharias ") -> bytes:
    """GE's user defined data with 16-bit ``flags`` by place, and text everywhere else."""
    data = bytearray((fill * 200)[:1500])
    struct.pack_into("<H", data, 24, 16)
    struct.pack_into("<f", data, 16, version)
    struct.pack_into("<H", data, 24, 16)
    for at, value in flags.items():
        struct.pack_into("<H", data, 16 + at, value)
    return bytes(data)
