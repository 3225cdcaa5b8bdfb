from __future__ import annotations

from typing import Literal

import pytest

from deid_platform.formats.dicom.elements import EXPLICIT_LITTLE, read_data_set
from deid_platform.formats.dicom.identifiers import (
    collect,
    identifying_attributes,
    name_words,
    numbers,
    place_words,
)
from deid_platform.freetext import Identifiers
from tests.builders.dicom import encode, person, report
from tests.builders.elements import data_set_at, element
from tests.formats.dicom.cleaning import plain_image
from tests.formats.dicom.test_elements import undefined


def found(*elements: bytes) -> Identifiers:
    return collect(read_data_set(b"".join(elements), 0, EXPLICIT_LITTLE))


def test_names_are_folded_words_whoever_they_name() -> None:
    data = found(
        element(0x00080090, b"PN", b"Hollander^Ada"),
        element(0x00100010, b"PN", b"Quintrelle^Rosa Munde"),
        element(0x00101001, b"PN", b"Other^Name\\Third^Name"),
    )
    assert {"hollander", "ada", "quintrelle", "rosa", "munde", "other", "third"} <= data.names


def test_names_are_found_at_every_depth_and_under_a_false_vr() -> None:
    nested = undefined(0x00081110, b"SQ", undefined(0x00081110, b"SQ", element(0x00101005, b"PN", b"Deepname")))
    assert "deepname" in found(nested).names
    assert "roe" in found(element(0x00100010, b"LO", b"Roe^Jane")).names
    assert "private" in found(element(0x00990010, b"LO", b"ACME"), element(0x00991001, b"PN", b"Private")).names


@pytest.mark.parametrize("order", ["little", "big"])
def test_names_are_found_in_a_value_that_takes_in_the_elements_behind_it(order: Literal["little", "big"]) -> None:
    value = b"Roe^Jane"
    tag = b"".join(number.to_bytes(2, order) for number in (0x0010, 0x0010))
    explicit = tag + b"PN" + len(value).to_bytes(2, order) + value
    implicit = tag + len(value).to_bytes(4, "little") + value
    for lost in (explicit, implicit) if order == "little" else (explicit,):
        assert {"roe", "jane"} <= found(element(0x00080031, b"TM", b"101501" + lost)).names
    assert not found(element(0x00080031, b"TM", b"101501PN\0")).names


def test_a_name_that_stands_there_twice_is_known_in_both_forms() -> None:
    data = found(element(0x00100010, b"PN", b"Maidenname^A"), element(0x00100010, b"PN", b"Marriedname^A"))
    assert {"maidenname", "marriedname"} <= data.names


def test_names_of_scripts_without_spaces_count_as_a_whole_too() -> None:
    words = set(name_words("Yamada^Tarou=山田^太郎=やまだ^たろう"))
    assert {"yamada", "tarou", "山田", "太郎", "山田太郎", "やまだたろう"} <= words
    assert "yamadatarou" not in words


@pytest.mark.parametrize("text", ["von", "van^der", "Anonymous", "Unknown^Patient", "Dr^^^^PhD", "", "^^", "=="])
def test_particles_and_names_of_nobody_are_no_names(text: str) -> None:
    assert set(name_words(text)) <= {"phd"}


def test_names_in_parts_are_also_known_in_one() -> None:
    assert {"brien", "obrien", "mary", "ann", "maryann"} <= set(name_words("O'Brien^Mary Ann"))


def test_accents_are_taken_off() -> None:
    assert set(name_words("Müßigbräu^Séléphine")) == {"mußigbrau", "selephine"}
    assert set(name_words("Żółkiewska")) <= {"zołkiewska", "zolkiewska"}


def test_places_are_known_by_what_is_peculiar_to_them() -> None:
    words = set(place_words("St. Quentinmouth General Hospital, Dept. of Radiology, 12345 Elm"))
    assert "quentinmouth" in words
    assert "12345" in words
    assert not words & {"hospital", "radiology", "general", "elm", "st"}


def test_numbers_are_known_when_they_are_long_enough() -> None:
    assert set(numbers("PAT-12345678\\12\\A1\\ 998877 \\+44 1234 567890")) == {
        "pat-12345678", "998877", "+44 1234 567890",
    }  # fmt: skip


def test_large_values_left_in_the_file_are_not_read() -> None:
    assert found(element(0x00100010, b"PN", b"Roe^Jane")).numbers == frozenset()


def test_every_listed_attribute_is_of_a_known_kind() -> None:
    kinds = identifying_attributes()
    assert {*kinds.values()} == {"number", "device", "place", "name"}
    assert kinds[0x00100020] == "number"
    assert kinds[0x00080080] == "place"


@pytest.mark.parametrize("number", range(7))
def test_all_identifiers_of_the_builders_people_are_found(number: int) -> None:
    who = person(number)
    data = encode(report(who))
    known = collect(read_data_set(data, data_set_at(data), EXPLICIT_LITTLE))
    assert {who.patient_id.lower(), who.accession.lower(), who.phone.lower()} <= known.numbers
    assert who.physician.lower() in known.names
    assert who.institution.split()[1].lower() in known.places
    assert set(name_words(who.name)) <= known.names


def test_collecting_changes_nothing() -> None:
    data = plain_image()
    read = read_data_set(data, data_set_at(data), EXPLICIT_LITTLE)
    before = {tag: e.value for tag, e in read.items() if not isinstance(e.value, list)}
    assert collect(read) == collect(read)
    assert before == {tag: e.value for tag, e in read.items() if not isinstance(e.value, list)}
