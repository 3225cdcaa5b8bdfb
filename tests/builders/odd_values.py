"""Files with values their VR does not allow, as bytes: of the wrong form, too many, too long, with a name in them."""

from __future__ import annotations

from functools import partial

from tests.builders.dicom import study_date
from tests.builders.elements import element, head
from tests.builders.odd import PERSON, Odd, body, holding, preliminaries
from tests.builders.odd_texts import TEXTS

STUDY_DATE, SERIES_TIME, DATE_TIME = 0x00080020, 0x00080031, 0x0008002A
MANUFACTURER, MODEL, PATIENT_NAME, PATIENT_ID = 0x00080070, 0x00081090, 0x00100010, 0x00100020
_NAME = PERSON.family.encode()
_DAY = study_date(PERSON, 1).encode()
_SPELLED = f"{PERSON.given} {PERSON.family}, {PERSON.patient_id}".encode()

DATES: dict[str, tuple[int, bytes, bytes]] = {
    "date in words": (STUDY_DATE, b"DA", b"about Easter"),
    "date that is no day": (STUDY_DATE, b"DA", b"20111332"),
    "date of zeros": (STUDY_DATE, b"DA", b"00000000"),
    "date nobody lives to see": (STUDY_DATE, b"DA", b"99991231"),
    "date with dots": (STUDY_DATE, b"DA", _DAY[:4] + b"." + _DAY[4:6] + b"." + _DAY[6:]),
    "date as Americans write it": (STUDY_DATE, b"DA", _DAY[4:6] + b"/" + _DAY[6:] + b"/" + _DAY[:4]),
    "date range": (STUDY_DATE, b"DA", _DAY + b"-" + _DAY),
    "dates, several": (STUDY_DATE, b"DA", _DAY + b"\\" + _DAY),
    "dates, several and empty": (STUDY_DATE, b"DA", b"\\" + _DAY + b"\\"),
    "date with a time": (STUDY_DATE, b"DA", _DAY + b" 10:15"),
    "date with a name": (STUDY_DATE, b"DA", _DAY + b" " + _NAME),
    "date that is a name": (STUDY_DATE, b"DA", _NAME),
    "date before a NUL and a name": (STUDY_DATE, b"DA", _DAY + b"\0" + _NAME),
    "date of blanks": (STUDY_DATE, b"DA", b"        "),
    "date of NULs": (STUDY_DATE, b"DA", bytes(8)),
    "time that is none": (SERIES_TIME, b"TM", b"256199"),
    "time with colons": (SERIES_TIME, b"TM", b"10:15:01.5"),
    "time with a name": (SERIES_TIME, b"TM", b"101501 " + _NAME),
    "time with a date": (SERIES_TIME, b"TM", _DAY + b"101501"),
    "time with a long fraction": (SERIES_TIME, b"TM", b"101501.1234567890123456"),
    "moment of a year": (DATE_TIME, b"DT", _DAY[:4]),
    "moment of a month": (DATE_TIME, b"DT", _DAY[:6]),
    "moment with a name": (DATE_TIME, b"DT", _DAY + b"101500 " + _NAME),
    "moment in no time zone": (DATE_TIME, b"DT", _DAY + b"101500+9900"),
    "moment as ISO 8601": (DATE_TIME, b"DT", _DAY[:4] + b"-" + _DAY[4:6] + b"-" + _DAY[6:] + b"T10:15:00Z"),
    "moment of three bytes": (DATE_TIME, b"DT", b"201"),
}
"""Dates, times and moments: tag, VR, value."""

NUMBERS: dict[str, tuple[int, bytes, bytes]] = {
    "age without zeros": (0x00101010, b"AS", b"80Y"),
    "age over a hundred": (0x00101010, b"AS", b"107Y"),
    "age with a name": (0x00101010, b"AS", b"080Y " + _NAME),
    "ages, several": (0x00101010, b"AS", b"080Y\\081Y"),
    "whole number with a point": (0x00200013, b"IS", b"1.0"),
    "whole number with a name": (0x00201208, b"IS", b"7 " + _NAME),
    "whole number too large": (0x00201208, b"IS", b"99999999999999999999"),
    "whole number in letters": (0x00201208, b"IS", b"seven"),
    "whole number that is the patient's": (0x00201208, b"IS", PERSON.patient_id[4:].encode()),
    "decimal with a unit": (0x00181310, b"DS", b"12.5 mm"),
    "decimal with a comma": (0x00180050, b"DS", b"12,5"),
    "decimal too long": (0x00180050, b"DS", b"0.12345678901234567890123456"),
    "decimal with a name": (0x00180050, b"DS", b"12.5\\" + _NAME),
    "decimal that is none": (0x00180050, b"DS", b"NaN"),
    "decimal beyond floating point": (0x00281050, b"DS", b"1e999999"),
    "decimal that is a date": (0x00180050, b"DS", _DAY),
    "decimals, one empty": (0x00280030, b"DS", b"1\\"),
    "double of text": (0x00189087, b"FD", _SPELLED[:32]),
    "floats of text": (0x00189461, b"FL", _SPELLED[:32]),
    "short numbers of text": (0x00280106, b"US", _SPELLED[:32]),
    "long numbers of text": (0x00186016, b"UL", _SPELLED[:32]),
    "signed numbers of text": (0x00189219, b"SS", _SPELLED[:32]),
    "tags of text": (0x00209165, b"AT", _SPELLED[:32]),
    "short number of one byte": (0x00280106, b"US", b"\x01"),
    "short number, three values": (0x00280106, b"US", b"\1\0\2\0\3\0"),
    "short number, none": (0x00280106, b"US", b""),
    "double of five bytes": (0x00189087, b"FD", b"12345"),
    "bytes of text": (0x00282000, b"OB", _SPELLED),
    "words of text": (0x00281201, b"OW", _SPELLED + b" "),
}  # fmt: skip
"""Ages and numbers, as text and binary."""

TERMS: dict[str, tuple[int, bytes, bytes]] = {
    "term that is a name": (0x00180015, b"CS", _NAME.upper()),
    "term in small letters": (0x00180015, b"CS", b"chest"),
    "term too long": (0x00180015, b"CS", b"CHEST " * 50 + _NAME.upper()),
    "term before a NUL and a name": (0x00180015, b"CS", b"CHEST\0" + _NAME),
    "terms, one of them a name": (0x00080008, b"CS", b"ORIGINAL\\PRIMARY\\" + _NAME.upper()),
    "terms, all empty": (0x00080008, b"CS", b"\\\\\\"),
    "terms in a single-valued attribute": (0x00080060, b"CS", b"MR\\" + _NAME.upper()),
    "modality that is a name": (0x00080060, b"CS", _NAME.upper()),
    "title that is a name": (0x00080054, b"AE", _NAME),
    "address that holds a name": (0x00081190, b"UR", b"https://pacs.example/" + _NAME),
    "identifier with a name": (0x00080018, b"UI", b"1.2.3." + _NAME),
    "identifier of letters": (0x0020000E, b"UI", PERSON.patient_id.encode()),
    "identifier too long": (0x0020000E, b"UI", b"1.2.826.0.1." + b"12345." * 20 + b"1"),
    "identifier with zeros in front": (0x0020000E, b"UI", b"1.2.826.00.01.007"),
    "identifier with blanks": (0x0020000E, b"UI", b" 1.2.826.0.1.7 "),
    "identifier with NULs": (0x0020000E, b"UI", b"1.2.826.0.1.7\0\0\0"),
    "identifier before a NUL and a name": (0x0020000E, b"UI", b"1.2.826.0.1.7\0" + _NAME),
    "identifier with a newline": (0x0020000E, b"UI", b"1.2.826.0.1.7\n"),
}
"""Defined terms, application titles, addresses, UIDs."""

PEOPLE: dict[str, tuple[int, bytes, bytes]] = {
    "number with a newline": (PATIENT_ID, b"LO", PERSON.patient_id.encode() + b"\n" + PERSON.other_id.encode()),
    "number with control characters": (PATIENT_ID, b"LO", b"\x01\x02" + PERSON.patient_id.encode() + b"\x7f"),
    "number with backslashes": (PATIENT_ID, b"LO", PERSON.patient_id.encode() + b"\\" + PERSON.other_id.encode()),
    "number of blanks": (PATIENT_ID, b"LO", b"    "),
    "number of NULs": (PATIENT_ID, b"LO", bytes(8)),
    "number of 5000 characters": (PATIENT_ID, b"LO", PERSON.patient_id.encode() * 400),
    "number in parts of a path": (PATIENT_ID, b"LO", b"../../" + PERSON.patient_id.encode()),
    "names, several": (PATIENT_NAME, b"PN", _NAME + b"\\" + PERSON.given.encode()),
    "name of 3000 characters": (PATIENT_NAME, b"PN", (_NAME + b" ") * 230 + b"^" + PERSON.given.encode()),
    "name of delimiters": (PATIENT_NAME, b"PN", b"^^^^==^^^^\\^^"),
    "name of many groups": (PATIENT_NAME, b"PN", b"=".join([_NAME] * 9) + b"^a^b^c^d^e^f^g"),
    "name before a NUL": (PATIENT_NAME, b"PN", _NAME + b"\0^" + PERSON.given.encode()),
    "name that is a pattern": (PATIENT_NAME, b"PN", b"(((.*)+)+)+$[^" + _NAME + b"]{1,9}"),
    "name in other letters": (PATIENT_NAME, b"PN", _NAME.lower() + b"^" + PERSON.given.upper().encode()),
}
"""Patient's numbers and names."""

_PADDING = "Axial T1 after contrast, 5 mm. "


def _long(vr: bytes, size: int, of: str = PERSON.family) -> bytes:
    """A text of about so many bytes, every line with the name."""
    line = f"{_PADDING}{of} "
    return element(TEXTS[vr], vr, (line * (size // len(line) + 1))[:size].encode())


LONG = {
    "long text of 5000 characters": _long(b"LO", 5000),
    "long text of 65534 bytes": _long(b"LO", 65534),
    "short text of 5000 characters": _long(b"SH", 5000),
    "paragraph of 60000 characters": _long(b"ST", 60_000),
    "page of 65534 bytes": _long(b"LT", 65534),
    "endless characters, a hundred kilobytes": _long(b"UC", 100_000),
    "endless text, a hundred kilobytes": _long(b"UT", 100_000),
    "endless text, one word": element(TEXTS[b"UT"], b"UT", PERSON.family.encode() * 2_000),
    "endless text without a word": element(TEXTS[b"UT"], b"UT", b"(" * 3_000 + b" " + _NAME),
    "endless text of digits": element(TEXTS[b"UT"], b"UT", b"1234567890" * 3_000 + b" " + _NAME),
    "long text of two values, 5000 each": element(
        TEXTS[b"LO"], b"LO", b"\\".join([_NAME + b" ACME " * 830, b"ACME " * 1000])
    ),
}
"""Texts longer than their VR allows, or than anybody writes."""

CONTROLS = {
    f"{vr.decode()} {what}": element(TEXTS[vr], vr, value)
    for vr in TEXTS
    for what, value in {
        "before a NUL and a name": b"ACME\0" + _NAME,
        "after a NUL": b"\0\0ACME " + _NAME,
        "between control characters": b"\x01\x02" + _NAME + b"\x7f\x05 ACME\x0b",
        "after a lone escape": b"\x1b" + _NAME + b" ACME\x1b",
        "of several lines": b"ACME\r\n" + _NAME + b"\r\n\t" + PERSON.given.encode(),
        "of odd length": b"ACME " + _NAME + b"s"[: len(_NAME) % 2],
        "of empty values": b"\\\\\\" + _NAME + b"\\",
    }.items()
}
"""Texts with characters that do not belong into them."""


def swallowing(tag: int, vr: bytes, value: bytes) -> bytes:
    """A file in which a value's length is wrong, so that it takes in the elements after it with the patient's name."""
    lost = element(0x00080090, b"PN", _NAME + b"^" + PERSON.given.encode())
    wrong = head(tag, vr, len(value) + len(lost)) + value + lost
    return holding(wrong)()


SWALLOWING = {
    f"{vr.decode()} that swallows a name": Odd(partial(swallowing, tag, vr, value))
    for tag, vr, value in (
        (SERIES_TIME, b"TM", b"101501"), (STUDY_DATE, b"DA", _DAY), (DATE_TIME, b"DT", _DAY + b"101500"),
        (0x00080060, b"CS", b"MR"), (MANUFACTURER, b"LO", b"ACME"), (0x00080050, b"SH", b"1234"),
        (0x00080081, b"ST", b"Here"), (0x00080201, b"SH", b"+0100 "), (0x00082111, b"ST", b"None"),
        (0x00082122, b"IS", b"1 "), (0x0008212A, b"IS", b"1 "), (0x00080054, b"AE", b"HERE"),
    )
}  # fmt: skip


def swallowing_all(tag: int, vr: bytes, value: bytes) -> bytes:
    """The same, of a file that names the patient nowhere else but in a text and a name of a later tag."""
    lost = element(PATIENT_NAME, b"PN", _NAME + b"^" + PERSON.given.encode())
    text = element(TEXTS[b"LT"], b"LT", b"Knee of " + _NAME)
    return preliminaries() + body(head(tag, vr, len(value) + len(lost)) + value + lost, text, without=_NAMING)


_NAMING = (
    PATIENT_NAME, 0x00080096, 0x00081030, 0x0008103E, 0x00101001, 0x00104000, 0x001021B0, 0x00400275, 0x04000561,
    0x50000022, 0x60000022, 0x60004000, 0x00290010, 0x00291010, 0x00991001, 0x00991002, 0x00991004, 0x00991007,
)  # fmt: skip
"""Attributes in which the builders name the patient."""
SWALLOWING |= {
    f"{vr.decode()} that swallows the only name": Odd(partial(swallowing_all, tag, vr, value))
    for tag, vr, value in (
        (0x00081090, b"LO", b"ACME"), (0x00080060, b"CS", b"MR"), (0x0008002A, b"DT", b"2011"),
        (SERIES_TIME, b"TM", b"101501"), (0x00080201, b"SH", b"+0100 "),
    )
}  # fmt: skip


def all_odd_values() -> dict[str, Odd]:
    """Every file of this module by name."""
    values = {**DATES, **NUMBERS, **TERMS, **PEOPLE}
    made = {name: element(tag, vr, value) for name, (tag, vr, value) in values.items()} | LONG | CONTROLS
    return {name: Odd(holding(encoded)) for name, encoded in made.items()} | SWALLOWING
