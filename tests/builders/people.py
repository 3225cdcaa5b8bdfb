"""People who do not exist, with identifiers that occur nowhere else: plant them, then search for them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, slots=True)
class Script:
    """A way of writing names: stems, ten syllables that make them distinct, and the DICOM character set."""

    charset: str
    family: str
    given: str
    syllables: str
    ideographs: tuple[str, str, str] | None = None


_LATIN = "ba de fi go ku la me ni po ru"
SCRIPTS = (
    Script("ISO_IR 100", "Quintrelle", "Rosamunde", _LATIN),
    Script("ISO_IR 100", "Müßigbräu", "Séléphine", _LATIN),
    Script("ISO_IR 101", "Żółkiewska", "Bożydarka", _LATIN),
    Script("ISO_IR 144", "Тихонравова", "Святослава", "ба де фи го ку ла ме ни по ру"),
    Script("ISO_IR 126", "Παπαδιαμάντη", "Ευφροσύνη", "βα δε φι γο κυ λα με νι πο ρυ"),
    Script("ISO_IR 192", "Yamazaki", "Taroemon", _LATIN, ("山桜木村", "太郎衛門", "一二三四五六七八九十")),
    Script("GB18030", "Zhongguan", "Xiaolong", _LATIN, ("欧阳诸葛", "慕容令狐", "甲乙丙丁戊己庚辛壬癸")),
)
"""Person ``n`` writes in the script ``n % len(SCRIPTS)``."""

BORN, EXAMINED = date(1931, 3, 14), date(2011, 5, 23)
ENCODINGS = ("utf-8", "latin-1", "iso8859-2", "cyrillic", "greek", "gb18030", "iso2022_jp", "utf-16-le", "utf-16-be")


@dataclass(frozen=True, slots=True)
class Person:
    """Planted identifiers of one patient and of who treated them; every value is distinctive and 6 or more characters.

    Dates are written as DICOM does (YYYYMMDD). ``uid_root`` begins each UID of the person's objects.
    """

    number: int
    charset: str
    family: str
    given: str
    ideographic_family: str
    ideographic_given: str
    patient_id: str
    other_id: str
    issuer: str
    birth_date: str
    study_date: str
    accession: str
    request: str
    physician: str
    operator: str
    institution: str
    address: str
    phone: str
    email: str
    station: str
    serial: str
    uid_root: str

    @property
    def name(self) -> str:
        """The name as a DICOM PN, with its ideographic group where there is one."""
        alphabetic = f"{self.family}^{self.given}"
        return (
            f"{alphabetic}={self.ideographic_family}^{self.ideographic_given}"
            if self.ideographic_family
            else alphabetic
        )

    @property
    def sentence(self) -> str:
        """Free text that names the person in the ways people write."""
        return (
            f"Known patient {self.given} {self.family}, born {spelled(self.birth_date)}, ID {self.patient_id}, phone "
            f"{self.phone}, seen by Dr {self.physician} on {spelled(self.study_date)}. No fracture."
        )


def person(n: int) -> Person:
    """Person number ``n`` (0 to 99): always the same, and sharing no value with any other.

    Raises
    ------
    ValueError
        If there is no such person.
    """
    if not 0 <= n < 100:
        raise ValueError("There are 100 people, numbered from 0.")
    script = SCRIPTS[n % len(SCRIPTS)]
    ideographic = script.ideographs or ("", "", "")
    mark = f"{n:02d}"
    return Person(
        number=n,
        charset=script.charset,
        family=script.family + _syllables(script, n),
        given=script.given + _syllables(script, n + 50),
        ideographic_family=ideographic[0] + "".join(ideographic[2][int(digit)] for digit in mark if script.ideographs),
        ideographic_given=ideographic[1] + "".join(ideographic[2][int(digit)] for digit in mark if script.ideographs),
        patient_id=f"PAT-{digits(n, 'id', 8)}",
        other_id=f"NHS-{digits(n, 'other', 9)}",
        issuer=f"Trust{_word(n, 'issuer')}",
        birth_date=_dicom(BORN + timedelta(days=173 * n + 7)),
        study_date=_dicom(EXAMINED + timedelta(days=11 * n)),
        accession=f"ACC{digits(n, 'accession', 9)}",
        request=f"REQ{digits(n, 'request', 9)}",
        physician=f"Hollander{_word(n, 'physician')}",
        operator=f"Techner{_word(n, 'operator')}",
        institution=f"Hospital {_word(n, 'institution').title()}mouth",
        address=f"{digits(n, 'house', 3)} {_word(n, 'street').title()}street Lane",
        phone=f"+44 {digits(n, 'area', 4)} {digits(n, 'phone', 6)}",
        email=f"{_word(n, 'mail')}@{_word(n, 'host')}.example",
        station=f"SCAN{digits(n, 'station', 5)}",
        serial=f"SN{digits(n, 'serial', 7)}",
        uid_root=f"1.2.826.0.1.3680043.10.511.9{digits(n, 'uid', 8)}",
    )


def planted(person: Person, without: Collection[str] = ()) -> list[str]:
    """Every token that must not survive de-identification, but for the fields named in ``without``.

    Dates stand there as DICOM writes them and as the free text does; those of three studies are listed.
    """
    fields = [name for name in Person.__slots__ if name not in {"number", "charset", *without}]
    tokens = [getattr(person, name) for name in fields if not name.endswith("_date")]
    dates = [person.birth_date] if "birth_date" in fields else []
    dates += [study_date(person, study) for study in (1, 2, 3)] if "study_date" in fields else []
    return [token for token in [*tokens, *dates, *map(spelled, dates)] if token]


def leaks(person: Person, data: bytes, without: Collection[str] = ()) -> list[str]:
    """Tokens of :func:`planted` that stand in ``data``, in any usual encoding or in base64 of UTF-8."""
    return [token for token in planted(person, without) if any(form in data for form in _forms(token))]


def study_date(person: Person, study: int) -> str:
    """Date of one of the person's studies (YYYYMMDD): four days lie between one and the next."""
    return _dicom(_date(person.study_date) + timedelta(days=4 * (study - 1)))


def spelled(dicom_date: str) -> str:
    """A DICOM date as free text has it: 14.03.1931."""
    return _date(dicom_date).strftime("%d.%m.%Y")


def digits(n: int, kind: str, count: int) -> str:
    """Digits that follow from the number and the kind, the first never a zero."""
    value = int(hashlib.sha256(f"{kind} {n}".encode()).hexdigest(), 16)
    return str(10 ** (count - 1) + value % (9 * 10 ** (count - 1)))


def _word(n: int, kind: str) -> str:
    syllables = _LATIN.split()
    return "".join(syllables[int(digit)] for digit in digits(n, kind, 2) + f"{n:02d}")


def _syllables(script: Script, n: int) -> str:
    return "".join(script.syllables.split()[int(digit)] for digit in f"{n % 100:02d}")


def _dicom(day: date) -> str:
    return day.strftime("%Y%m%d")


def _date(dicom_date: str) -> date:
    return date(int(dicom_date[:4]), int(dicom_date[4:6]), int(dicom_date[6:]))


def _forms(token: str) -> set[bytes]:
    forms = {token.encode(encoding) for encoding in ENCODINGS if _fits(token, encoding)}
    return forms | {_in_base64(token.encode(), before) for before in range(3)}


def _in_base64(data: bytes, before: int) -> bytes:
    """What base64 makes of ``data`` whatever stands round it, if it begins ``before`` bytes after a multiple of 3."""
    length = before + len(data)
    return base64.b64encode(bytes(before) + data)[-(-4 * before // 3) : 4 * length // 3]


def _fits(token: str, encoding: str) -> bool:
    try:
        token.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
