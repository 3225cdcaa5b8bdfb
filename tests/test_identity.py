from __future__ import annotations

import base64
import pickle
import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import UID

from deid_platform.dates import shift_value
from deid_platform.errors import VaultError
from deid_platform.identity import KEY_BYTES, Identity, decode_key
from tests.builders.properties import always

KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
HERE = Identity(KEY, "north")
numbers = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20).filter(str.strip)
uids = st.lists(st.integers(0, 10**12), min_size=3, max_size=8).map(lambda parts: ".".join(map(str, (1, 3, *parts))))


@given(uids)
@always
def test_a_replaced_uid_is_a_valid_uid_of_at_most_64_characters(uid: str) -> None:
    new = HERE.uid(uid)
    assert re.fullmatch(r"2\.25\.(0|[1-9]\d*)", new)
    assert len(new) <= 64
    assert UID(new).is_valid
    assert new != uid


@given(uids)
@always
def test_the_same_uid_is_replaced_by_the_same_uid_however_it_is_padded(uid: str) -> None:
    assert HERE.uid(uid) == HERE.uid(f"{uid}\0") == HERE.uid(f" {uid} ") == Identity(KEY, "south").uid(uid)


@given(st.lists(uids, min_size=2, max_size=30, unique=True))
@always
def test_different_uids_stay_different(found: list[str]) -> None:
    assert len({HERE.uid(uid) for uid in found}) == len(found)


@pytest.mark.parametrize("uid", ["1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2", ""])
def test_uids_of_the_standard_and_empty_ones_stay(uid: str) -> None:
    assert HERE.uid(uid) == uid


def test_a_uid_that_only_begins_like_one_of_the_standard_is_replaced() -> None:
    assert HERE.uid("1.2.840.100081.5").startswith("2.25.")


@given(numbers, st.sampled_from([HERE, Identity(OTHER_KEY, "north"), Identity(KEY, "south")]))
@always
def test_a_subject_is_sixteen_letters_and_digits_without_the_number(number: str, identity: Identity) -> None:
    subject = identity.subject(number, "1.2.3")
    assert re.fullmatch(r"[A-Z2-7]{16}", subject)
    assert len(number) < 4 or number not in subject


@given(numbers)
@always
def test_a_patient_number_makes_a_subject_whatever_the_study(number: str) -> None:
    assert HERE.subject(number, "1.2.3") == HERE.subject(f" {number} ", "1.2.4")


def test_without_a_patient_number_each_study_is_a_subject_of_its_own() -> None:
    alone = {HERE.subject(number, uid) for number in ("", "  ") for uid in ("1.2.3", "1.2.4")}
    assert len(alone) == 2
    assert HERE.subject("1.2.3", "") not in alone


def test_the_same_number_is_another_subject_at_another_site_or_under_another_key() -> None:
    identities = (HERE, Identity(KEY, "south"), Identity(OTHER_KEY, "north"))
    assert len({identity.subject("4711", "1.2.3") for identity in identities}) == 3


@given(st.text(max_size=30))
@always
def test_shifts_are_of_1_to_365_days_and_the_same_every_time(subject: str) -> None:
    days = HERE.shift_days(subject)
    assert 1 <= days <= 365
    assert days == Identity(KEY, "north").shift_days(subject)


def test_every_shift_occurs_about_as_often_as_any_other() -> None:
    counts = [0] * 366
    for number in range(36500):
        counts[HERE.shift_days(str(number))] += 1
    assert counts[0] == 0
    assert min(counts[1:]) > 50
    assert max(counts) < 160


@given(st.dates(date(1900, 1, 1), date(2099, 12, 31)), st.dates(date(1900, 1, 1), date(2099, 12, 31)), numbers)
@always
def test_days_between_two_dates_of_a_subject_are_kept(first: date, second: date, number: str) -> None:
    days = HERE.shift_days(HERE.subject(number, ""))
    moved = [shift_value(f"{day:%Y%m%d}", days) for day in (first, second)]
    read = [date.fromisoformat(value or "") for value in moved]
    assert read[1] - read[0] == second - first
    assert first - read[0] == timedelta(days=days)


values = st.text(st.characters(exclude_characters="\0"), max_size=5)


@given(st.lists(values, min_size=1, max_size=3), st.text("ab", min_size=1))
@always
def test_values_of_different_kinds_or_cut_elsewhere_have_nothing_in_common(parts: list[str], kind: str) -> None:
    assert HERE.mac(kind, *parts) != HERE.mac(f"{kind}x", *parts)
    assert HERE.mac(kind, *parts) != HERE.mac(kind, *parts, "")
    assert len(HERE.mac(kind, *parts)) == 32


def test_text_that_is_no_unicode_has_a_token_too() -> None:
    assert HERE.token("item", "\udcff") != HERE.token("item", "\udcfe")


@given(st.text(max_size=50), st.text(max_size=50))
@always
def test_a_seal_fits_the_text_it_was_made_for_and_no_other(text: str, other: str) -> None:
    seal = HERE.seal(text)
    assert HERE.fits(text, seal)
    assert HERE.fits(other, seal) is (other == text)
    assert not Identity(OTHER_KEY, "north").fits(text, seal)


def test_fingerprints_tell_keys_and_sites_apart_and_nothing_else() -> None:
    assert Identity(KEY, "north").fingerprint == HERE.fingerprint
    assert len({HERE.fingerprint, Identity(KEY, "south").fingerprint, Identity(OTHER_KEY, "north").fingerprint}) == 3
    assert HERE.fingerprint not in KEY.hex()


def test_the_key_is_not_shown_and_survives_the_way_to_a_worker() -> None:
    assert repr(HERE) == "Identity(site='north')"
    assert pickle.loads(pickle.dumps(HERE)) == HERE  # noqa: S301


@pytest.mark.parametrize("key", [b"", b"x" * (KEY_BYTES - 1)])
def test_a_short_key_is_refused(key: bytes) -> None:
    with pytest.raises(VaultError, match="at least 32 random bytes"):
        Identity(key)


@given(st.binary(min_size=KEY_BYTES, max_size=64))
@always
def test_keys_are_read_as_hexadecimal_and_as_base64(key: bytes) -> None:
    assert decode_key(key.hex()) == decode_key(f"\n{key.hex().upper()} ") == key
    assert decode_key(base64.b64encode(key).decode()) == key


@given(st.binary(max_size=KEY_BYTES - 1))
@always
def test_a_key_cut_short_is_refused_and_never_read_as_something_else(key: bytes) -> None:
    for text in (key.hex(), base64.b64encode(key).decode()):
        with pytest.raises(VaultError):
            decode_key(text)


@pytest.mark.parametrize("text", ["correct horse battery staple", "z!" * 32, "é" * 64, "****" * 16])
def test_what_is_no_key_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(VaultError) as caught:
        decode_key(text)
    assert text not in str(caught.value)
