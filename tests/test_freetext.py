from __future__ import annotations

import re
import tomllib
import unicodedata
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import deid_platform
from deid_platform.formats.dicom.identifiers import name_words, numbers, place_words
from deid_platform.freetext import Identifiers, TextCleaner, clinical_words, fold, text_patterns
from deid_platform.names import name_lists
from tests.builders.properties import always

DATA = Path(deid_platform.__file__).parent / "data"
PHRASES = Path(__file__).parent / "phrases"
FORMS = tomllib.loads((DATA / "text_patterns.toml").read_text("utf-8"))["pattern"]
NOBODY = Identifiers()


def own(name: str = "", place: str = "", number: str = "") -> Identifiers:
    """What the header of a patient with this name, hospital and number tells."""
    return Identifiers(frozenset(name_words(name)), frozenset(place_words(place)), frozenset(numbers(number)))


def cleaner(known: Identifiers = NOBODY) -> TextCleaner:
    return TextCleaner(known, lambda day: day - timedelta(days=40), lambda uid: "2.25.1")


def clean(text: str, known: Identifiers = NOBODY) -> str:
    return cleaner(known).clean(text)[0]


def phrases(name: str) -> list[str]:
    lines = (PHRASES / f"{name}.txt").read_text("utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


def left(line: str) -> list[str]:
    """What cleaning leaves of that which should go."""
    text, _, tokens = line.partition("\t")
    cleaned = clean(text).lower()
    return [token for token in tokens.split("|") if token.lower() in cleaned]


# Forms that identify whoever they belong to


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form["name"])
def test_each_form_removes_and_keeps_its_examples(form: dict[str, str]) -> None:
    pattern = dict(text_patterns())[form["name"]]
    for example in form["removes"]:
        rest = pattern.sub(lambda match: match.groupdict().get("keep") or "", example)
        assert rest != example, f"{example} stays"
        assert not re.search(r"\d|@|\w{4}\.\w", rest), f"{example} leaves {rest}"
    for example in form["keeps"]:
        assert not pattern.search(example), f"{example} goes"
    assert form["removes"]
    assert form["keeps"]


def test_identifying_texts_are_cleaned() -> None:
    assert {line: left(line) for line in phrases("identifying") if left(line)} == {}


def test_clinical_texts_come_back_word_for_word() -> None:
    assert {text: clean(text) for text in phrases("clinical") if clean(text) != text} == {}


def test_the_lists_of_known_faults_are_true() -> None:
    assert [line for line in phrases("missed") if not left(line)] == []
    assert [text for text in phrases("damaged") if clean(text) == text] == []


@pytest.mark.parametrize(("age", "capped"), [("92yo", "90+yo"), ("aged 101", "aged 90+"), ("93 Jahre", "90+ Jahre")])
def test_an_age_over_89_becomes_a_category_in_its_sentence(age: str, capped: str) -> None:
    assert clean(f"Patient, {age}, prone") == f"Patient, {capped}, prone"


def test_uids_in_text_are_replaced_as_everywhere_and_versions_stay() -> None:
    text = "see 1.2.840.113619.2.55.3.604, uid_2.25.309812345678901234567 and version 1.2.840.3"
    assert clean(text) == "see 2.25.1, uid_2.25.1 and version 1.2.840.3"


def test_dates_in_text_move_and_are_not_taken_for_numbers() -> None:
    assert clean("scan_20210312, MRN 12345678") == "scan_20210131, MRN ___"
    without = TextCleaner(NOBODY, None, str)
    assert without.clean("scan_20210312 of March 12, 2021") == ("scan____ of ___", 2)


# The subject's own identifiers

LETTERS = "abcdefghiklmnoprstuvwyzéèüñçøłśăåğđ"
words = st.text(LETTERS, min_size=3, max_size=9)
joiners = st.sampled_from([" ", ", ", "_", "-", "^", ".", "", " ^", "\n"])
edges = st.sampled_from(["", " ", "_", "(", "/", ": ", " #", "=", "2", "'"])
cases = st.sampled_from([str.upper, str.lower, str.title, str])
FILLER = "AX T1 5/6 MM"


def plain(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


spellings = st.sampled_from([str, plain, lambda text: unicodedata.normalize("NFD", text)])


@given(words, words, words, joiners, joiners, edges, edges, cases, spellings, st.permutations(range(3)))
@always
def test_no_word_of_the_own_name_is_left_whatever_its_case_accents_joiner_or_order(
    family, given_name, middle, one, two, before, after, case, spelling, order
) -> None:  # type: ignore[no-untyped-def]
    known = own(f"{family}^{given_name}^{middle}")
    assume(all(fold(word) in known.names for word in (family, given_name, middle)))
    first, second, third = (spelling(case((family, given_name, middle)[index])) for index in order)
    cleaned = clean(f"{FILLER}{before or ' '}{first}{one}{second}{two}{third}{after} {FILLER}", known)
    remains = fold(unicodedata.normalize("NFC", cleaned.replace(FILLER, "")))
    assert not [word for word in (family, given_name, middle) if fold(word) in remains]
    assert cleaned.startswith(FILLER)
    assert cleaned.endswith(FILLER)


@given(st.lists(st.text("abc0123456789", min_size=2, max_size=5), min_size=2, max_size=4), joiners, edges, edges, cases)
@always
def test_no_own_number_is_left_however_its_parts_are_joined(parts, joiner, before, after, case) -> None:  # type: ignore[no-untyped-def]
    known = own(number="-".join(parts))
    compact = "".join(parts)
    assume(known.numbers and any(map(str.isdigit, compact)) and after != "2" and before != "2")
    cleaned = clean(f"CHEST {before}{case(joiner.join(parts))}{after} AP", known)
    assert compact not in re.sub(r"[\W_]", "", cleaned).lower()
    assert cleaned.startswith("CHEST")
    assert cleaned.endswith("AP")


PEOPLE = {
    "O'Brien-Smith^Mary Ann^J": "OBRIEN SMITH; O’Brien; smith_obrien; maryann; msmith; SmithJ; MaryOBrienSmith",
    "Müller-Weiß^Jörg": "MUELLER WEISS; Joerg Muller; weiss; Mu\u0308ller; JOERGMUELLER; jörg.müller_weiß",
    "MacDonald^Iain": "Mac Donald; MACDONALD IAIN; iain_macdonald",
    "Ng^Li": "LI NG; Ng, Li; ng_li; Li^Ng",
    "van der Zwaan^Pieter": "vanderzwaan; ZWAAN PIETER",
    "al-Rashid^Haroun": "alrashid; Haroun.Rashid",
    "Łęcka^Żaneta": "LECKA; Zaneta Łęcka; lecka_zaneta",
    "D'Angelo^Giò": "DANGELO; D´Angelo; gio.dangelo",
    "Yamada^Tarou=山田^太郎=やまだ^たろう": "山田太郎; 太郎 山田; やまだたろう; YAMADA",
    "Hong^Gildong=洪^吉洞=홍^길동": "홍길동; 洪吉洞; GILDONG",
    "Иванов^Пётр": "ИВАНОВ; Пётр Иванов; иванов_пётр",
}


@pytest.mark.parametrize("name", PEOPLE)
def test_own_names_go_in_the_ways_people_write_them(name: str) -> None:
    cleaned = {text: clean(text, own(name)) for text in PEOPLE[name].split("; ")}
    assert {text: rest for text, rest in cleaned.items() if set(rest) - {"_", " "}} == {}


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("QX-0041-77", "MRN: qx004177."), ("H00412", "H 00412"), ("00041298", "41298"), ("4129", "04129"),
        ("41298", "zwaan41298"), ("2024/117", "2024-117"), ("M0001234", "M1234"), ("12345", "12345_AX"),
    ],
)  # fmt: skip
def test_own_numbers_go_in_the_ways_people_write_them(number: str, text: str) -> None:
    assert not re.search(r"\d", clean(text, own(number=number)))


def test_a_short_own_number_stays_in_other_words_and_numbers() -> None:
    assert clean("B1000 and 10004, not 1000", own(number="1000")) == "B1000 and 10004, not ___"


def test_places_of_the_header_go_from_every_text() -> None:
    known = own(place="St. Hedwig Krankenhaus Ansbach, 91522 Ansbach")
    assert clean("Transfer from ANSBACH (91522), Hedwig ward", known) == "Transfer from ___ (___), ___ ward"


def test_kinds_of_places_and_clinical_words_of_the_header_stay_in_texts() -> None:
    assert clean("Chest clinic, general radiology", own(place="General Chest Clinic Radiology")) == (
        "Chest clinic, general radiology"
    )


@pytest.mark.parametrize("text", ["T1 A P VIEW", "LI", "AX J", "part of the art", "has a bar", "LUNG 5 MM"])
def test_initials_short_names_and_parts_of_words_are_no_names(text: str) -> None:
    assert clean(text, own("Haas^Art^P^^J")) == text.replace(" art", " ___")
    assert clean(text, own("Ng^Li^A^^P")) == text


def test_words_to_spare_stay() -> None:
    known = own("Brain^Emilia")
    assert cleaner(known).redact_own("BRAIN EMILIA", spare=frozenset({"brain emilia"})) == ("BRAIN EMILIA", 0)
    assert cleaner(known).redact_own("BRAIN; EMILIA", spare=clinical_words()) == ("BRAIN; ___", 1)


# What is left alone

KINDS = ("titles", "doubtful_titles", "parts_of_places", "particles")
LABELS = re.compile("|".join(name_lists()[kind] for kind in KINDS), re.IGNORECASE)
separators = st.sampled_from([" ", ", ", ". ", "/", "-", "_", ": ", "\r\n"])
harmless = st.sampled_from(sorted(word for word in clinical_words() if not LABELS.fullmatch(word)))


@given(st.lists(st.tuples(harmless, cases, separators), max_size=8))
@always
def test_text_of_clinical_words_without_numbers_comes_back_unchanged(parts) -> None:  # type: ignore[no-untyped-def]
    text = "".join(case(word) + joiner for word, case, joiner in parts)
    assert cleaner(own("Quintrelle^Rosamunde", number="88120-7731")).clean(text) == (text, 0)


@given(st.text(st.characters(codec="utf-8", exclude_categories=("L", "N")), max_size=60))
@always
def test_text_without_letters_and_digits_comes_back_unchanged(text: str) -> None:
    assume("@" not in text)
    assert cleaner(own("Ng^Li")).clean(text) == (text, 0)


@given(st.text(max_size=60))
@always
def test_something_is_counted_exactly_when_something_changed(text: str) -> None:
    cleaned, count = cleaner(own("Quintrelle^Rosamunde")).clean(text)
    assert (cleaned != text) is (count > 0)


@given(st.text(max_size=60))
@always
def test_folding_keeps_the_length_and_folds_once_and_for_all(text: str) -> None:
    assert len(fold(text)) == len(text)
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("text", "folded"),
    [("ÅNGSTRÖM", "angstrom"), ("Łódź", "lodz"), ("Straße", "straße"), ("ＡＢＣ", "abc"), ("山田", "山田")],
)
def test_folding_takes_off_case_and_accents(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize("piece", "a|1|.| |_|a.|1.|1-|Ab |012 34 |dr.|x@|rue a |id 1.".split("|"))
def test_long_monotonous_texts_are_cleaned_without_getting_lost(piece: str) -> None:
    text = piece * (8000 // len(piece))
    known = own("Aaa^Aa^A", number="1111")
    assert len(clean(text, known)) <= len(text) * 2


def test_kept_texts_lose_e_mail_addresses_of_anybody() -> None:
    cleaner = TextCleaner(Identifiers(), None, str)
    assert cleaner.redact_known("mail eva.berg@clinic.example now") == ("mail ___ now", 1)
    assert cleaner.redact_known("T2 @ 3T, www.vendor.example") == ("T2 @ 3T, www.vendor.example", 0)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Seen 13-12-2009 19:46, again 12/05/2011 0830", "Seen 03-11-2009 19:46, again 10/26/2011 0830"),
        ("3. toukokuuta 2011, 2011. május 3., 3 Mayıs 2011", "24. maaliskuuta 2011, 2011. március 24., 24 Mart 2011"),
    ],
)
def test_figures_of_a_date_are_nothing_else(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


def test_a_date_within_a_number_does_not_save_the_number() -> None:
    assert "5180" not in clean("19620413-5180")
    assert "20061222" not in clean("ACC20061222")


def test_characters_of_private_use_change_nothing() -> None:
    assert clean("\U000f0000 seen 13-12-2009") == "\U000f0000 seen 03-11-2009"


def test_a_street_goes_with_its_code_though_its_name_is_known() -> None:
    known = own(place="Zorgvliet Hospital")
    for text in ("2279 rue Zorgvliet, 50595", "Zorgvlietgatan 1897, 17825"):
        cleaned = clean(f"lives at {text}.", known)
        assert not re.search(r"\d|Zorg", cleaned), cleaned


def test_a_number_of_the_subject_inside_a_uid_goes_with_the_uid() -> None:
    assert clean("see 1.2.840.113619.2.55.3.123456.789", own(number="00123456")) == "see 2.25.1"


@pytest.mark.parametrize(
    ("known", "text"),
    [
        (own(name="ROEMER^JANE"), "RoemerLiver and ctJaneRoemer"),
        (own(name="ROWLAND^GREGORY"), "DRROWLAND_CT1"),
        (own(name="LI^WU"), "LiWu, WuLi"),
        (own(number="0004471982"), "44 71 982, 447-1982, 4471.982"),
        (own(number="1234"), "MRN1234 ID1234"),
    ],
)
def test_what_is_known_goes_however_it_is_glued_or_grouped(known: Identifiers, text: str) -> None:
    rest = clean(text, known)
    assert not re.search(r"roe|jane|rowland|li\b|wu|44|982|1234", rest, re.IGNORECASE), rest


def test_parts_of_other_words_are_no_names() -> None:
    for text in ("ePhysio readout", "LiverMet", "b1234x", "TR 44 ms"):
        assert clean(text, own(name="PHYS^LIVE", number="1234")) == text


def test_a_text_in_base64_goes_and_long_words_stay() -> None:
    assert clean("note UGF0aWVudCBKYW5lIERvZSBQWC03NzEyMw== end") == "note ___ end"
    assert clean("radiologists electrocardiogram MPRAGE/Sag3Diso HEADNECKTHORAX") == (
        "radiologists electrocardiogram MPRAGE/Sag3Diso HEADNECKTHORAX"
    )


def test_a_fraction_in_front_of_a_telephone_number_stays() -> None:
    assert clean("PHASE 10/20 447-701-6346") == "PHASE 10/20 ___"


def test_a_given_name_goes_with_its_known_surname() -> None:
    known = own(name="GODDARD")
    assert clean("Verified by GODDARD, ROMULUS**", known) == "Verified by ___, ___**"
    assert clean("Seen with Goddard, Chest.", known) == "Seen with ___, Chest."
