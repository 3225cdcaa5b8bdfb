from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.charset import convert_encodings, encode_string
from pydicom.valuerep import PersonName

from deid_platform.formats.dicom.charset import Charset, charset_of, is_declaration
from tests.builders.dicom import SCRIPTS, person

TEXTS = {
    b"ISO_IR 100": "Müßigbräu^Séléphine",
    b"ISO_IR 101": "Żółkiewska^Bożydarka",
    b"ISO_IR 144": "Тихонравова^Святослава",
    b"ISO_IR 126": "Παπαδιαμάντη^Ευφροσύνη",
    b"ISO_IR 13": "ﾔﾏﾀ^ﾀﾛｳ",
    b"ISO_IR 192": "Yamada^Tarou=山田^太郎=やまだ^たろう",
    b"GB18030": "Wang^XiaoDong=王^小东",
    b"\\ISO 2022 IR 87": "Yamada^Tarou=山田^太郎=やまだ^たろう",
    b"\\ISO 2022 IR 149": "Hong^Gildong=洪^吉洞=홍^길동",
    b"\\ISO 2022 IR 58": "Zhang^XiaoDong=张^小东",
    b"ISO 2022 IR 100\\ISO 2022 IR 144": "Люкceмбypг^Ägypten",
}


@pytest.mark.parametrize("declared", TEXTS)
def test_text_is_decoded_and_encoded_under_its_character_set(declared: bytes) -> None:
    charset, text = charset_of(declared), TEXTS[declared]
    assert charset.decode(charset.encode(text)) == text
    codecs = convert_encodings(declared.decode().split("\\"))
    assert str(PersonName(charset.encode(text), codecs)).replace("\x1b$)A", "") == text


@pytest.mark.parametrize("number", range(len(SCRIPTS)))
def test_names_of_the_builders_survive_in_both_directions(number: int) -> None:
    charset = charset_of(person(number).charset.encode())
    assert charset.decode(charset.encode(person(number).name)) == person(number).name


def test_a_name_whose_writer_forgot_to_escape_again_is_read_all_the_same() -> None:
    charset = charset_of(b"\\ISO 2022 IR 149")
    assert charset.decode(b"\x1b$)C\xb1\xe8^\xc8\xf1\xc1\xdf") == "김^희중"


def test_an_escape_sequence_ends_at_a_delimiter() -> None:
    charset = charset_of(b"ISO 2022 IR 100\\ISO 2022 IR 144")
    assert charset.decode(b"\x1b\x2d\x4c\xbb\xee^\xc4gypten") == "Лю^Ägypten"


@pytest.mark.parametrize("declared", [b"", b"ISO_IR 100", b"ISO_IR 6", b"ISO_IR 101", b"ISO_IR 144", b"nonsense"])
def test_utf_8_is_known_under_a_false_declaration(declared: bytes) -> None:
    charset = charset_of(declared)
    for text in TEXTS.values():
        assert charset.decode(text.encode()) == text
        assert charset.used_in(text.encode()).encode(text) == text.encode()


def test_escape_sequences_are_known_without_a_declaration() -> None:
    text = TEXTS[b"\\ISO 2022 IR 87"]
    assert Charset().decode(encode_string(text, ["iso8859", "iso2022_jp"])) == text


def test_latin_text_is_not_taken_for_utf_8() -> None:
    for text in ("Müller", "Grüße", "é", "naïve café", "Ü"):
        assert Charset().decode(text.encode("latin-1")) == text


def test_bytes_that_contradict_the_declaration_are_read_as_latin_1() -> None:
    assert charset_of(b"ISO_IR 192").decode("Müller".encode("latin-1")) == "Müller"
    assert charset_of(b"GB18030").decode(b"\xff\xff") == "ÿÿ"


def test_text_is_composed_so_that_names_are_spelled_alike() -> None:
    assert charset_of(b"ISO_IR 192").decode("Mu\u0308ller".encode()) == "Müller"


def test_characters_no_codec_knows_become_question_marks() -> None:
    assert Charset().encode("Жена").count(b"?") == 4
    assert charset_of(b"ISO_IR 144").encode("Ж 山") == b"\xb6 ?"


@pytest.mark.parametrize("declared", [b"", b" ", b"\0", b"nonsense", b"ISO_IR 999", b"\\\\\\", b"\xff\xfe"])
def test_a_declaration_that_says_nothing_means_latin_1(declared: bytes) -> None:
    assert charset_of(declared).decode(b"M\xfcller") == "Müller"


@pytest.mark.parametrize(
    "value",
    [b"", b"ISO_IR 100", b"\\ISO 2022 IR 87", b"ISO-IR 100", b"ISO_IR_192", b"GBK ", b"ISO 2022 IR 6\\ISO 2022 58"],
)
def test_character_sets_are_declarations_however_they_are_spelled(value: bytes) -> None:
    assert is_declaration(value)


@pytest.mark.parametrize("value", [b"Zacharias", b"ISO_IR 100\\Zacharias", b"ISO_IR 20110523", b"12345678", b"DR ROE"])
def test_other_words_are_no_declaration(value: bytes) -> None:
    assert not is_declaration(value)


@settings(derandomize=True, max_examples=200, deadline=None, database=None)
@given(st.binary(max_size=40), st.sampled_from([*TEXTS, b"", b"ISO 2022 IR 13\\ISO 2022 IR 87\\ISO 2022 IR 159"]))
def test_any_bytes_are_decoded_and_written_back_under_any_character_set(value: bytes, declared: bytes) -> None:
    charset = charset_of(declared)
    assert isinstance(charset.encode(charset.decode(value)), bytes)
