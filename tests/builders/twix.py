"""Small files of Siemens raw data with planted identifiers."""

from __future__ import annotations

import struct

import numpy as np

PLANTED = b"DOE^JANE", b"47110815", b"19700203", b"St Elsewhere", b"167024", b"6.0.66327775"
STUDY_UID = b"1.3.12.2.1107.5.2.19.167024.30000020010311223344500000001"
_SEQUENCE = b"1.3.12.2.1107.5.2.19.167024.2020010311223344509627730"

DICOM = b"""<XProtocol>
{
  <ParamMap."DICOM">
  {
    <ParamString."tPatientName">  { "DOE^JANE"  }
    <ParamString."PatientID">  { "47110815"  }
    <ParamString."PatientBirthDay">  { <Visible> "true"  "19700203"  }
    <ParamLong."PatientSex">  { 2  }
    <ParamDouble."flUsedPatientWeight">  { <Precision> 6  73.500000  }
    <ParamString."InstitutionName">  { "St Elsewhere"  }
    <ParamString."DeviceSerialNumber">  { "167024"  }
    <ParamString."StudyLOID">  { "6.0.66327775"  }
    <ParamString."FrameOfReference">  { "%s"  }
    <ParamString."Manufacturer">  { "SIEMENS"  }
    <ParamString."Unheard">  { "seen by Dr Roe"  }
    <ParamLong."lSerial">  { 167024  }
    <ParamLong."lRefDate">  { 20200103  }
    <ParamArray."atTXCalibDate">
    {
      <Default> <ParamString."">
      {
      }
      { "20190304"  }
      { }
    }
    <ParamLong."lBaseResolution">  { 160  }
  }
}
""" % STUDY_UID

PROTOCOL = b"""### ASCCONV BEGIN object=MrProt ###
tReferenceImage0	 = 	"%s"
tProtocolName	 = 	""Jane Doe knee""
sKSpace.lBaseResolution	 = 	160
alTR[0]	 = 	8600
### ASCCONV END ###
""" % _SEQUENCE

SAMPLES, CHANNELS, LINES = 8, 2, 3


def _header(padding: bytes) -> bytes:
    body = b"".join(
        name + b"\0" + struct.pack("<I", len(text)) + text
        for name, text in ((b"Dicom", DICOM), (b"MeasYaps", PROTOCOL), (b"Strange", b"DOE^JANE of nowhere"))
    )
    length = 8 + len(body) + len(padding)
    length += -length % 32
    return struct.pack("<II", length, 3) + body + padding + bytes(length - 8 - len(body) - len(padding))


def _scan(mask: int, samples: int, channels: int, time: int, length: int) -> bytes:
    head = bytearray(192)
    struct.pack_into("<IiIII", head, 0, length, 358, 1, time, 99)
    struct.pack_into("<Q", head, 40, mask)
    struct.pack_into("<HH", head, 48, samples, channels)
    struct.pack_into("<I", head, 188, 0xABCD)
    return bytes(head)


def samples(line: int) -> bytes:
    values = np.arange(2 * SAMPLES, dtype="<f4") + line
    return values.tobytes()


def measurement(*, last: bool = True) -> bytes:
    """Header, three lines of two channels, one block of physiology, and the last block."""
    data = _header(b"JANE DOE stale")
    for line in range(LINES):
        data += _scan(1 << 28, SAMPLES, CHANNELS, 22_000_000 + line, 0)
        for channel in range(CHANNELS):
            own = bytearray(32)
            struct.pack_into("<IiI", own, 0, 0, 358, 1)
            struct.pack_into("<I", own, 16, 22_000_000)
            data += bytes(own) + samples(10 * line + channel)
    data += _scan(1 << 5, 0, 0, 22_000_003, 192 + 64) + b"DOE^JANE's heart".ljust(64, b"~")
    return data + _scan(1, 0, 0, 22_000_004, 192 + 32) + b"DOE^JANE".ljust(32, b"~") if last else data


def raw_file(count: int = 2, *, last: bool = True) -> bytes:
    """A file of VE with a table and gaps full of old bytes."""
    blocks = [measurement(last=last) for _ in range(count)]
    at, table, body = 10240, b"", b""
    for number, block in enumerate(blocks):
        table += struct.pack("<IIQQ64s64s", 358 + number, 117959, at, len(block), b"DOE^JANE", b"Jane Doe knee")
        gap = -len(block) % 512
        body += block + (b"DOE^JANE" * 64)[:gap]
        at += len(block) + gap
    names = struct.pack("<IIQQ64s64s", 0, 0, 0, 0, b"DOE^JANE", b"old") * (64 - count)
    return (struct.pack("<II", 0, count) + table + names).ljust(10240, b"J") + body
