"""Mapping files: pseudonyms that a site gave its patients itself, as CSV.

Columns: ``patient_id,pseudonym`` and, as wanted, ``issuer`` (of the patient number), ``name`` (for Patient's Name,
otherwise the pseudonym), ``shift_days`` (1 to 3650) and ``site``. A file is used as a whole or not at all; errors name
the file and the line, never what stands there.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache

from deid_platform.errors import VaultError
from deid_platform.identity import Identity
from deid_platform.subjects import KEYED, Issuers, Pseudonym, SubjectRules, SubjectTable, issuer_name, patient_number

REQUIRED = ("patient_id", "pseudonym")
OPTIONAL = ("issuer", "name", "shift_days", "site")
MAX_LENGTH = 64
"""Characters of an LO value and of a component group of a PN value (PS3.5 Table 6.2-1)."""
MAX_SHIFT = 3650
MIN_TELLING = 4
"""Characters from which on a patient number inside a pseudonym is no chance."""
# The default repertoire (PS3.5 6.1.2.1) without what means something in LO and PN values (\ ^ =) or in queries (* ?).
_ID = re.compile(r"[ -)+-<>@-\[\]_-~]*")
_NAME = re.compile(r"[ -)+-<>@-\[\]^_-~]*")
_NAME_PARTS = 5


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of the file."""

    line: int
    site: str
    number: str
    subject: str
    pseudonym: Pseudonym


@dataclass(slots=True)
class _Seen:
    """Lines by what they use, to refuse what is used twice."""

    subjects: dict[str, int] = field(default_factory=dict)
    given: dict[str, int] = field(default_factory=dict)
    numbers: set[str] = field(default_factory=set)


@lru_cache(maxsize=2)  # the stages of a batch ask one after the other
def with_mapping(identity: Identity, rules: SubjectRules, data: bytes, name: str, *, sites: bool = False) -> Identity:
    """The identity of a site that uses the mapping file ``data``.

    Parameters
    ----------
    identity : Identity
        Key and site; rows of other sites are checked like all, then left out.
    rules : SubjectRules
        Issuers, and what becomes of unknown subjects. A column ``issuer`` asks for :attr:`Issuers.SEPARATE`.
    data : bytes
        The file, UTF-8.
    name : str
        What errors call the file.
    sites : bool
        Whether the file serves several sites and must name one in each row.

    Raises
    ------
    VaultError
        The file cannot be used as it is.
    """
    table = _Table(name, list(_records(data, name)))
    rules = _fitting(rules, table, sites=sites)
    ruled = replace(identity, rules=rules)
    seen, found = _Seen(), dict[str, Pseudonym]()
    rows = [_checked(table, line, record, ruled) for line, record in table.records]
    for row in rows:
        _note(table, row, seen)
        if row.site == identity.site:
            found[row.subject] = row.pseudonym
    for row in rows:
        if _folded(row.pseudonym.patient_id) in seen.numbers or _folded(row.pseudonym.patient_name) in seen.numbers:
            raise table.error(row.line, "gives a pseudonym that is a patient number in the same file")
    return replace(identity, rules=replace(rules, table=SubjectTable.of(found)))


@dataclass(frozen=True, slots=True)
class _Table:
    """The file as read: its name, and (line, record) of every row."""

    name: str
    records: list[tuple[int, dict[str, str]]]

    def has(self, column: str) -> bool:
        return bool(self.records) and column in self.records[0][1]

    def error(self, line: int, fault: str) -> VaultError:
        return _error(self.name, line, fault)


def _error(name: str, line: int, fault: str) -> VaultError:
    return VaultError(f"Mapping file {name}, line {line}: it {fault}.")


def _records(data: bytes, name: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and fields of every row."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _error(name, data.count(b"\n", 0, error.start) + 1, "is not UTF-8: save the file as UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    try:
        for record in reader:
            if not header:
                header = _header(record, name, reader.line_num)
            elif any(value.strip() for value in record):
                if len(record) != len(header):
                    raise _error(name, reader.line_num, "has more or fewer fields than the header")
                yield reader.line_num, dict(zip(header, record, strict=True))
    except csv.Error:
        raise _error(name, reader.line_num, "is not CSV as RFC 4180 has it: look for a stray quote") from None
    if not header:
        raise _error(name, 1, f"is empty: begin with the header {','.join(REQUIRED)}")


def _header(record: list[str], name: str, line: int) -> list[str]:
    header = [column.strip().lower() for column in record]
    known = set(header) <= {*REQUIRED, *OPTIONAL} and set(REQUIRED) <= set(header)
    if not known or len(set(header)) != len(header):
        raise _error(name, line, f"must be the header: {','.join(REQUIRED)}, each once and separated by commas, and "
                                 f"of {','.join(OPTIONAL)} those that are wanted")
    return header


def _fitting(rules: SubjectRules, table: _Table, *, sites: bool) -> SubjectRules:
    """The rules a file is used under. Raises VaultError when its columns do not go with them."""
    if sites and table.records and not table.has("site"):
        raise table.error(1, "lacks the column site, without which patients of two sites would be mixed up")
    if rules.issuers is Issuers.SEPARATE and table.records and not table.has("issuer") and not rules.default_issuer:
        raise table.error(1, "lacks the column issuer, and there is no default issuer its numbers could be of")
    if table.has("issuer"):
        return replace(rules, issuers=Issuers.SEPARATE)
    return rules


def _checked(table: _Table, line: int, record: dict[str, str], ruled: Identity) -> _Row:
    """A row whose own fields are in order."""
    number = patient_number(record["patient_id"])
    if not number:
        raise table.error(line, "names no patient_id")
    site = record.get("site", ruled.site).strip()
    if not site:
        raise table.error(line, "names no site")
    issuer = issuer_name(record.get("issuer", "")) or ruled.rules.default_issuer
    if ruled.rules.issuers is Issuers.SEPARATE and not issuer:
        raise table.error(line, "names no issuer, and there is no default issuer")
    given = record["pseudonym"].strip()
    name = record.get("name", "").strip() or given
    if fault := _fault(given, name, number):
        raise table.error(line, fault)
    days = _shift(table, line, record.get("shift_days", "").strip())
    ruled = ruled if site == ruled.site else replace(ruled, site=site)
    return _Row(line, site, number, ruled.subject(number, "", issuer), Pseudonym(given, name, days))


def _fault(given: str, name: str, number: str) -> str:
    """What is wrong with a pseudonym by itself; empty when nothing is."""
    if not given:
        return "gives no pseudonym"
    if max(len(given), len(name)) > MAX_LENGTH:
        return f"gives a pseudonym of more than {MAX_LENGTH} characters"
    if not _ID.fullmatch(given):
        return "gives a pseudonym with other characters than printable ASCII, or one of \\ ^ = * ?"
    if not _NAME.fullmatch(name) or name.count("^") >= _NAME_PARTS or name.endswith("^"):
        return "gives a name with other characters than printable ASCII, one of \\ = * ?, too many ^, or one at its end"
    if KEYED.fullmatch(given) or KEYED.fullmatch(name):
        return "gives a pseudonym that looks like a keyed one (16 characters of A-Z, 2-7): choose another form"
    if _tells(given, number) or (name != given and _tells(name, number)):
        return "gives a pseudonym that holds the patient number"
    return ""


def _tells(text: str, number: str) -> bool:
    """Whether a pseudonym is or holds the number, however it is punctuated and with or without zeros in front."""
    if _folded(text) == _folded(number):
        return True
    plain, bare = _letters(text), _letters(number).lstrip("0")
    return len(bare) >= MIN_TELLING and bare in plain


def _letters(text: str) -> str:
    return re.sub(r"[\W_]", "", text).casefold()


def _folded(text: str) -> str:
    """A text as a careless reader or database compares it."""
    return " ".join(text.casefold().split())


def _shift(table: _Table, line: int, text: str) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= MAX_SHIFT:
        raise table.error(line, f"gives shift_days that are no whole number from 1 to {MAX_SHIFT}")
    return int(text)


def _note(table: _Table, row: _Row, seen: _Seen) -> None:
    """Refuse a patient that is named twice, and a pseudonym that two patients would share."""
    first = seen.subjects.setdefault(row.subject, row.line)
    if first != row.line:
        raise table.error(row.line, f"names the patient of line {first} again")
    for text in {_folded(row.pseudonym.patient_id), _folded(row.pseudonym.patient_name)}:
        first = seen.given.setdefault(text, row.line)
        if first != row.line:
            raise table.error(row.line, f"gives a pseudonym or name that line {first} gives to another patient")
    seen.numbers.add(_folded(row.number))
