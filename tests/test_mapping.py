from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deid_platform.errors import UnsafeToRelease, VaultError
from deid_platform.identity import Identity
from deid_platform.mapping import with_mapping
from deid_platform.model import Reason
from deid_platform.subjects import Issuers, Pseudonym, SubjectRules, Unknown
from tests.builders.properties import always

HERE = Identity(bytes(range(32)), "north")
RULES = SubjectRules()
REFUSING = SubjectRules(unknown=Unknown.QUARANTINE)


def mapped(text: str, rules: SubjectRules = RULES, *, sites: bool = False) -> Identity:
    return with_mapping(HERE, rules, text.encode(), "patients.csv", sites=sites)


def pseudonym(identity: Identity, number: str, issuer: str = "") -> Pseudonym:
    return identity.pseudonym(identity.subject(number, "1.2.3", issuer))


def refusal(text: str, rules: SubjectRules = RULES, *, sites: bool = False) -> str:
    with pytest.raises(VaultError) as caught:
        mapped(text, rules, sites=sites)
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_patients_get_the_pseudonyms_of_the_file() -> None:
    identity = mapped("\ufeffpatient_id,pseudonym\r\n4711, ST-001 \r\n\r\n\"48,12\",ST-002\r\n")
    assert pseudonym(identity, " 4711\0") == Pseudonym("ST-001", "ST-001")
    assert pseudonym(identity, "48,12") == Pseudonym("ST-002", "ST-002")
    assert identity.subject("4711", "") == HERE.subject("4711", "")


def test_name_and_shift_may_be_given() -> None:
    identity = mapped("Patient_ID,name,pseudonym,shift_days\n4711,Study^One,ST-001,40\n4712,,ST-002,\n")
    assert pseudonym(identity, "4711") == Pseudonym("ST-001", "Study^One", 40)
    assert identity.shift_days(identity.subject("4711", "")) == 40
    other = identity.subject("4712", "")
    assert identity.pseudonym(other) == Pseudonym("ST-002", "ST-002")
    assert identity.shift_days(other) == HERE.shift_days(other)


def test_an_unknown_patient_is_derived_or_refused_as_asked() -> None:
    text = "patient_id,pseudonym\n4711,ST-001\n"
    unknown = HERE.subject("0815", "")
    assert pseudonym(mapped(text), "0815") == Pseudonym(unknown, unknown)
    with pytest.raises(UnsafeToRelease) as caught:
        pseudonym(mapped(text, REFUSING), "0815")
    assert caught.value.reason is Reason.UNKNOWN_SUBJECT
    assert mapped(text, REFUSING).mentioned(unknown) == unknown


@pytest.mark.parametrize("number", ["04711", "4711a", "4711A"])
def test_zeros_in_front_and_case_make_other_patients(number: str) -> None:
    with pytest.raises(UnsafeToRelease):
        pseudonym(mapped("patient_id,pseudonym\n4711,ST-001\n", REFUSING), number)


SECRET = "Quintrelle-4711"
FAULTS = [
    (f"{SECRET},ST-1\n{SECRET} ,ST-2", 3, "names the patient of line 2 again"),
    (f"{SECRET},ST-1\n0815,ST-1", 3, "gives a pseudonym or name that line 2 gives to another patient"),
    (f"{SECRET},ST-1\n0815, st-1 ", 3, "gives a pseudonym or name that line 2 gives to another patient"),
    (",ST-1", 2, "names no patient_id"),
    (" \0,ST-1", 2, "names no patient_id"),
    (f"{SECRET},", 2, "gives no pseudonym"),
    (f"{SECRET},{'x' * 65}", 2, "more than 64 characters"),
    (f"{SECRET},ST\\1", 2, "other characters than printable ASCII"),
    (f"{SECRET},ST*", 2, "other characters than printable ASCII"),
    (f"{SECRET},Größe", 2, "other characters than printable ASCII"),
    (f'{SECRET},"ST\n1"', 3, "other characters than printable ASCII"),
    (f"{SECRET},A^B", 2, "other characters than printable ASCII"),
    (f"{SECRET},ABCDEFGHIJKLMNOP", 2, "looks like a keyed one"),
    (f"{SECRET},abcdefghijklmn27", 2, "looks like a keyed one"),
    (f"{SECRET},{SECRET.lower()}", 2, "holds the patient number"),
    ("0012345,ST-12345-X", 2, "holds the patient number"),
    ("1234-56,ST_123456", 2, "holds the patient number"),
    ("7,7", 2, "holds the patient number"),
    (f"{SECRET},ST-1\n0815,{SECRET}", 3, "is a patient number in the same file"),
    (f"{SECRET},ST-1,extra", 2, "more or fewer fields"),
    (f"{SECRET}", 2, "more or fewer fields"),
    (f'{SECRET},"ST-1"x', 2, "not CSV"),
]


@pytest.mark.parametrize(("rows", "line", "fault"), FAULTS)
def test_a_file_that_is_not_in_order_is_refused_by_line_and_not_quoted(rows: str, line: int, fault: str) -> None:
    told = refusal(f"patient_id,pseudonym\n{rows}\n")
    assert told.startswith(f"Mapping file patients.csv, line {line}: it ")
    assert fault in told
    assert "Quintrelle" not in told


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("ST-1,A=B,", "gives a name with other characters"),
        ("ST-1,A^B^C^D^E^F,", "gives a name with other characters"),
        ("ST-1,A^,", "gives a name with other characters"),
        (f"ST-1,{SECRET},", "holds the patient number"),
        ("ST-1,,0", "no whole number from 1 to 3650"),
        ("ST-1,,-3", "no whole number"),
        ("ST-1,,3651", "no whole number"),
        ("ST-1,,²", "no whole number"),
    ],
)
def test_names_and_shifts_are_checked_too(row: str, fault: str) -> None:
    assert fault in refusal(f"patient_id,pseudonym,name,shift_days\n{SECRET},{row}\n")


def test_a_name_may_not_be_anothers_name_or_pseudonym() -> None:
    for second in ("P2,one", "P2,p1", "ONE,two"):
        assert "another patient" in refusal(f"patient_id,pseudonym,name\n4711,P1,One\n4712,{second}\n")


@pytest.mark.parametrize("header", ["", "4711,ST-001", "patient_id", "patient_id,pseudonym,pseudonym",
                                    "patient_id;pseudonym", "patient_id,pseudonym,Quintrelle"])  # fmt: skip
def test_a_file_without_its_header_is_refused_and_the_line_not_quoted(header: str) -> None:
    told = refusal(f"{header}\n{SECRET},ST-1\n")
    assert "header" in told or "is empty" in told
    assert "4711" not in told
    assert "Quintrelle" not in told


def test_other_encodings_are_told_with_their_line() -> None:
    with pytest.raises(VaultError, match=r"line 3: it is not UTF-8"):
        with_mapping(HERE, RULES, b"patient_id,pseudonym\n1,ST-1\nM\xfcller,ST-2\n", "patients.csv")


def test_a_file_with_issuers_tells_equal_numbers_apart() -> None:
    identity = mapped("patient_id,issuer,pseudonym\n4711,A,ST-001\n4711,B,ST-002\n", REFUSING)
    assert identity.rules.issuers is Issuers.SEPARATE
    assert pseudonym(identity, "4711", " A").patient_id == "ST-001"
    assert pseudonym(identity, "4711", "B\0").patient_id == "ST-002"
    for issuer in ("", "a", "C"):
        with pytest.raises(UnsafeToRelease):
            pseudonym(identity, "4711", issuer)


def test_a_default_issuer_stands_for_a_missing_one_in_file_and_object() -> None:
    rules = SubjectRules(Issuers.SEPARATE, "A", Unknown.QUARANTINE)
    for text in ("patient_id,issuer,pseudonym\n4711,,ST-001\n", "patient_id,pseudonym\n4711,ST-001\n"):
        identity = mapped(text, rules)
        assert pseudonym(identity, "4711").patient_id == pseudonym(identity, "4711", "A").patient_id == "ST-001"
    assert "names the patient of line 2 again" in refusal("patient_id,issuer,pseudonym\n1,,ST-1\n1,A,ST-2\n", rules)


def test_issuers_that_nobody_names_are_asked_for() -> None:
    separate = SubjectRules(Issuers.SEPARATE)
    assert "lacks the column issuer" in refusal("patient_id,pseudonym\n4711,ST-1\n", separate)
    assert "names no issuer" in refusal("patient_id,issuer,pseudonym\n4711,,ST-1\n", separate)


def test_sites_of_one_file_are_checked_together_and_used_apart() -> None:
    text = "site,patient_id,pseudonym\nnorth,4711,ST-1\nsouth,4711,ST-2\n"
    north, south = (with_mapping(replace(HERE, site=site), REFUSING, text.encode(), "m.csv", sites=True)
                    for site in ("north", "south"))  # fmt: skip
    assert pseudonym(north, "4711").patient_id == "ST-1"
    assert pseudonym(south, "4711").patient_id == "ST-2"
    assert "another patient" in refusal(text.replace("ST-2", "ST-1"), sites=True)
    assert "lacks the column site" in refusal("patient_id,pseudonym\n4711,ST-1\n", sites=True)
    assert "names no site" in refusal("site,patient_id,pseudonym\n,4711,ST-1\n", sites=True)


numbers = st.integers(0, 10**9)
rows = st.dictionaries(numbers.map(lambda n: f"id{n}"), st.from_regex(r"[A-Z]{2}-[0-9a-z]{1,5}", fullmatch=True))


@given(rows, st.lists(numbers.map(lambda n: f"other{n}"), unique=True, max_size=5))
@always
def test_no_two_patients_share_a_pseudonym_whether_mapped_or_derived(
    given_names: dict[str, str], others: list[str]
) -> None:
    text = "".join(["patient_id,pseudonym\n", *(f"{number},{name}\n" for number, name in given_names.items())])
    try:
        identity = mapped(text)
    except VaultError:
        return
    found = [pseudonym(identity, number).patient_id for number in (*given_names, *others)]
    assert len({name.casefold() for name in found}) == len(found)


def test_a_longer_file_changes_the_naming_of_its_new_patients_only() -> None:
    short = mapped("patient_id,pseudonym\n4711,ST-1\n")
    longer = mapped("patient_id,pseudonym\n0815,ST-2\n4711,ST-1\n")
    other = mapped("patient_id,pseudonym\n4711,ST-9\n")
    first, second = HERE.subject("4711", ""), HERE.subject("0815", "")
    assert short.naming([first]) == longer.naming([first, first]) != other.naming([first])
    assert short.naming([first, second]) != longer.naming([first, second])
    assert len({short.naming(), longer.naming(), other.naming()}) == 3
    assert HERE.naming() == HERE.naming([first]) == ""
    assert short.fingerprint == HERE.fingerprint


def test_naming_tells_nothing_without_the_key() -> None:
    text = b"patient_id,pseudonym\n4711,ST-1\n"
    other = with_mapping(Identity(bytes(range(1, 33)), "north"), RULES, text, "m.csv")
    assert other.naming() != with_mapping(HERE, RULES, text, "m.csv").naming()


def test_issuers_are_part_of_the_fingerprint() -> None:
    separate = replace(HERE, rules=SubjectRules(Issuers.SEPARATE))
    assert len({HERE.fingerprint, separate.fingerprint,
                replace(HERE, rules=SubjectRules(Issuers.SEPARATE, "A")).fingerprint}) == 3  # fmt: skip
