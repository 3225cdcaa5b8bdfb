from __future__ import annotations

from datetime import date, timedelta

import pytest

from deid_platform.formats.dicom.charset import Charset, charset_of
from deid_platform.formats.dicom.codes import published_meanings
from deid_platform.formats.dicom.protect import DUMMIES, NUMBER_BYTES, Protector, mover
from deid_platform.freetext import PLACEHOLDER, Identifiers, TextCleaner
from deid_platform.policy import load_policy
from tests.formats.dicom.cleaning import IDENTITY

DAYS = 10
OWN = Identifiers(
    names=frozenset({"quintrelle", "rosamunde", "green"}),
    places=frozenset({"bademouth"}),
    numbers=frozenset({"pat-12345678", "87654321"}),
)
LATIN = Charset()


def protector(profile: str = "tcia", own: Identifiers = OWN) -> Protector:
    policy = load_policy(profile)
    return Protector(IDENTITY, policy, TextCleaner(own, mover(policy, DAYS), IDENTITY.uid), DAYS)


# UIDs


def test_uids_are_replaced_one_by_one_and_registered_ones_kept() -> None:
    value = b"1.2.3\\1.2.840.10008.1.2\\1.2.4\0"
    first, second, third = protector().uid(value).decode().split("\\")
    assert (first, second, third) == (IDENTITY.uid("1.2.3"), "1.2.840.10008.1.2", IDENTITY.uid("1.2.4"))


def test_registered_uids_stay_as_they_were_written() -> None:
    assert protector().uid(b"1.2.840.10008.1.2\0") == b"1.2.840.10008.1.2\0"


def test_kept_uids_are_kept_only_if_they_are_some() -> None:
    assert protector().uid(b"1.2.3\0", keep=True) == b"1.2.3\0"
    assert protector().uid(b"Zacharias", keep=True).startswith(b"2.25.")


# Dates and times


@pytest.mark.parametrize(
    ("vr", "before", "after"),
    [
        ("DA", b"20110523", b"20110513"),
        ("DA", b"2011.05.23", b"2011.05.13"),
        ("DA", b"20110523\\20110601", b"20110513\\20110522"),
        ("DA", b"20110301 ", b"20110219"),
        ("DA", b" \0", b""),
        ("DT", b"20110523101500.250000+0100", b"20110513101500.250000+0100"),
        ("DT", b"20110523101500-0500", b"20110513101500-0500"),
        ("DT", b"2011052310", b"2011051310"),
        ("DT", b"2011-05-23T10:15:00.5", b"2011-05-13T10:15:00.5"),
        ("DT", b"20110523+0100", b"20110513+0100"),
        ("DT", b"201105\\2011", b"201105\\2011"),
        ("DT", b"201101 ", b"201101"),
        ("TM", b"101500.250000", b"101500.250000"),
        ("TM", b"10:15:00", b"10:15:00"),
        ("TM", b"1015\\1016 ", b"1015\\1016 "),
        ("TM", b"", b""),
    ],
)
def test_dates_move_and_times_stay(vr: str, before: bytes, after: bytes) -> None:
    assert protector().date(vr, before) == after


@pytest.mark.parametrize(
    ("vr", "value"),
    [
        ("DA", b"Easter"),
        ("DA", b"2011"),
        ("DA", b"20110230"),
        ("DA", b"00000000"),
        ("DA", b"20110523Zacharias"),
        ("DA", b"20110523-20110601"),
        ("DA", b"20110523 20110601"),
        ("DA", b"20110523\\Zacharias"),
        ("DT", b"20110523101500 Zacharias"),
        ("DT", b"20110523101500.25+9900"),
        ("TM", b"Zacharias"),
        ("TM", b"99187645"),
        ("TM", b"101500\\PAT-1"),
        ("TM", b"10.1500"),
    ],
)
def test_what_is_no_date_or_time_or_has_more_behind_it_goes(vr: str, value: bytes) -> None:
    assert protector().date(vr, value) == b""
    assert protector().date(vr, value, keep=True) == b""


def test_dates_that_are_kept_must_be_dates_too() -> None:
    assert protector().date("DA", b"20110523", keep=True) == b"20110523"
    assert protector().date("DT", b"201105\\2011", keep=True) == b"201105\\2011"
    assert protector().date("DT", b"201113", keep=True) == b""


@pytest.mark.parametrize(("profile", "moved"), [("tcia", date(2011, 5, 13)), ("basic", None)])
def test_dates_in_texts_move_as_dates_do(profile: str, moved: date | None) -> None:
    move = mover(load_policy(profile), DAYS)
    assert (move and move(date(2011, 5, 23))) == moved
    assert moved is None or moved + timedelta(days=DAYS) == date(2011, 5, 23)


# Ages and numbers


@pytest.mark.parametrize(
    ("before", "after"),
    [(b"089Y", b"089Y"), (b"090Y", b"090Y"), (b"091Y", b"090Y"), (b"104Y", b"090Y"), (b"999Y", b"090Y"),
     (b"100M", b"100M"), (b"012D", b"012D"), (b"003W", b"003W"), (b"91Y", b"090Y"), (b"45Y ", b"045Y"),
     (b"7m", b"007M"), (b"104y", b"090Y"), (b"1045Y", b""), (b"old", b""), (b"", b""),
     (b"091Y Quintrelle", b""), (b"\xb2\xb23Y", b"")],
)  # fmt: skip
def test_ages_above_89_are_one(before: bytes, after: bytes) -> None:
    assert protector().age(before) == after


@pytest.mark.parametrize(
    "value", [b"12", b"-1.5e-3", b"1\\2\\3 ", b"+.5", b"1.", b"", b" 7 ", b"\\\\", b"12345678", b"1e999999"]
)
def test_numbers_stay(value: bytes) -> None:
    assert protector().number(value) == value


@pytest.mark.parametrize(
    "value", [b"7 Quintrelle", b"1\\Roe", b"1,5", b"0x10", b"NaN", b"87654321", b"20110523", b"1\\19310314"]
)
def test_what_is_no_measurement_goes(value: bytes) -> None:
    assert protector().number(value) == b""


# Terms and codes


@pytest.mark.parametrize(
    "value",
    [b"ORIGINAL\\PRIMARY\\M_FFE", b"HEAD ", b"150000", b"DR", b"MR", b"", b"FEET FIRST", b"N/A", b"GREEN", b"T1\\T2"],
)
def test_terms_stay(value: bytes) -> None:
    assert protector().term(value, LATIN) == value


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"QUINTRELLE", b""),
        (b"PRIMARY\\QUINTRELLE\\M", b"PRIMARY\\\\M"),
        (b"20110523", b""),
        (b"MRN7628450", b""),
        (b"47287791", b""),
        (b"DR AMORES", b""),
        (b"Jakob Long", b""),
        ("Müller".encode("latin-1"), b""),
        (b"call 555-0199", b""),
    ],
)
def test_terms_that_identify_or_are_none_go(before: bytes, after: bytes) -> None:
    assert protector().term(before, LATIN) == after


def test_codes_stay_unless_they_identify() -> None:
    assert protector().code("SH", b"12738006", LATIN) == b"12738006"
    assert protector().code("SH", b"Quintrelle", LATIN) == PLACEHOLDER.encode()
    assert protector().code("LO", b"Green", LATIN) == b"Green"


def test_meanings_the_standard_uses_stay_and_others_are_cleaned() -> None:
    assert b"Zacharias" not in protector().meaning("LO", b"Seen by Zacharias Kent", LATIN)
    assert protector().meaning("LO", b"Chest Quintrelle", LATIN) == b"Chest ___"


def test_published_meanings_come_out_as_they_are() -> None:
    treat, charset = protector(own=Identifiers()).meaning, Charset(("utf8",))
    changed = [m for m in published_meanings() if treat("UT", m.encode(), charset) != m.encode()]
    assert len(published_meanings()) > 10_000
    assert changed == []


# Texts


def test_texts_are_cleaned_value_by_value() -> None:
    value = b"Chest\\for Quintrelle\\1.2.3.4.5.6.7.8"
    cleaned = protector().text("LO", value, LATIN).decode().split("\\")
    assert cleaned[:2] == ["Chest", "for ___"]
    assert cleaned[2] == IDENTITY.uid("1.2.3.4.5.6.7.8")
    assert protector().text("LT", b"a\\Quintrelle", LATIN) == b"a\\___"


def test_a_text_without_identifiers_stays_byte_for_byte() -> None:
    for value in (b"Chest ", b"T1 tse  sag\\T2", "Schädel".encode("latin-1"), b"\xff\xfe"):
        assert protector().text("LO", value, LATIN) == value
        assert protector().own_only("LO", value, LATIN) == value


def test_what_stands_behind_a_nul_is_no_text() -> None:
    assert protector().text("LO", b"Chest\0Zacharias ", LATIN) == b"Chest"
    assert protector().text("LO", "Quintrelle".encode("utf-16-le"), LATIN) == b"Q"
    assert protector().text("LO", "Quintrelle".encode("utf-16-be"), LATIN) == b""
    assert protector().text("LO", b"Chest\0", LATIN) == b"Chest\0"


def test_identifiers_are_found_whatever_the_character_set() -> None:
    for declared in (b"ISO_IR 192", b"", b"ISO_IR 100"):
        for text in ("für Rosamúnde", "für Rosamu\u0301nde"):
            assert protector().text("LO", text.encode(), charset_of(declared)).decode() == "für ___"


@pytest.mark.parametrize(("vr", "limit"), [("SH", 16), ("LO", 64)])
def test_a_cleaned_text_is_no_longer_than_its_vr_allows(vr: str, limit: int) -> None:
    for text in (b"of GREEN A GREEN", b"x" * 60 + b" GREEN", b"GREEN " * 30):
        assert len(protector().text(vr, text, LATIN)) <= limit


def test_kept_texts_lose_only_what_is_known_of_the_subject() -> None:
    assert protector().own_only("LO", b"12345678 Dr Smith, Rosamunde", LATIN) == b"12345678 Dr Smith, ___"


# Bytes a table vouches for


def test_safe_private_bytes_are_kept() -> None:
    for value in (bytes(range(0, 256, 7)), b"", b"ABCD", bytes(16)):
        assert protector().opaque(value) == value


def test_text_among_safe_private_bytes_is_cleaned_on_every_line() -> None:
    cleaned = protector().opaque(b"Flip 30\r\nOperator: Dr Zacharias Kent\tQuintrelle")
    assert cleaned is not None
    assert cleaned.startswith(b"Flip 30\r\n")
    assert b"Zacharias" not in cleaned
    assert b"Quintrelle" not in cleaned


@pytest.mark.parametrize("codec", ["latin-1", "utf-16-le", "utf-16-be", "utf-8"])
@pytest.mark.parametrize("shift", [0, 1])
def test_safe_private_bytes_that_name_the_subject_go(codec: str, shift: int) -> None:
    value = bytes(16 + shift) + "\x01 Quintrelle \x01".encode(codec) + bytes(8)
    assert protector().opaque(value) is None


def test_numbers_that_spell_identifiers_are_none() -> None:
    assert protector().spells_identifiers(b"for Quintrelle, now\0")
    assert protector().spells_identifiers(b"seen by Dr Zacharias")
    for value in (b"Quintrelle", bytes(range(64)), b"\0\0\x80\x3f" * 8, b"nothing to see here", b"Quintrelle \xff\xff"):
        assert not protector().spells_identifiers(value)


# Dummies


@pytest.mark.parametrize("vr", sorted({*DUMMIES, *NUMBER_BYTES, "OB", "UN", "UI"}))
def test_a_dummy_says_nothing_and_is_not_empty(vr: str) -> None:
    first, second = (protector().dummy(vr, value) for value in (b"Quintrelle......", b"87654321........"))
    assert first
    assert b"Quintrelle" not in first
    assert vr == "UI" or first == second
    assert vr not in NUMBER_BYTES or len(first) % NUMBER_BYTES[vr] == 0
