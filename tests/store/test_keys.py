"""File names and keys: one of each for the other."""

from __future__ import annotations

import os
import random

import pytest

from deid_platform.errors import StoreError
from deid_platform.store import keys


@pytest.mark.parametrize(
    ("name", "segment"),
    [
        (b"plain.dcm", "plain.dcm"),
        ("é".encode(), "é"),
        (b"M\xfcller", "M%FCller"),
        (b"100%", "100%"),
        (b"100%25", "100%2525"),
        (b"%41", "%2541"),
        (b"%\xff", "%%FF"),
        (b"%4\xff", "%4%FF"),
        (b"\xed\xa0\x80", "%ED%A0%80"),
    ],
)
def test_bytes_that_are_not_utf8_are_escaped_and_nothing_else_is(name: bytes, segment: str) -> None:
    assert keys.from_name(os.fsdecode(name)) == segment
    assert os.fsencode(keys.to_name(segment)) == name


def test_every_name_has_its_own_key_which_is_valid_unicode() -> None:
    chance = random.Random(5)  # noqa: S311
    alphabet = [b"%", b"2", b"5", b"F", b"f", b"z", b"\xff", b"\xc3", b"\xa9", b"\x80", b" "]
    names = {b"".join(chance.choices(alphabet, k=chance.randint(1, 7))) for _ in range(5000)}
    segments = {keys.from_name(os.fsdecode(name)) for name in names}
    assert len(segments) == len(names)
    assert all(segment.encode() for segment in segments)
    assert {os.fsencode(keys.to_name(segment)) for segment in segments} == names


@pytest.mark.parametrize("segment", ["%41", "%ff", "%C3%A9", "%2F", "%00", "%25", "half\ud800"], ids=ascii)
def test_a_second_spelling_of_a_name_is_refused(segment: str) -> None:
    with pytest.raises(StoreError, match="A key of the store"):
        keys.to_name(segment)


def test_empty_segments_pass_only_where_asked_for() -> None:
    keys.check("a//b", gaps=True)
    keys.check("/a", gaps=True)
    with pytest.raises(StoreError):
        keys.check("a//b")
    with pytest.raises(StoreError):
        keys.check("a//../b", gaps=True)


@pytest.mark.parametrize(("prefix", "folder"), [("", ""), ("a", "a/"), ("a/b/", "a/b/")])
def test_a_folder_has_one_closing_slash(prefix: str, folder: str) -> None:
    assert keys.as_folder(prefix) == folder


@pytest.mark.parametrize("prefix", ["/", "a//", "../a", "/a"])
def test_a_prefix_that_is_no_folder_is_refused(prefix: str) -> None:
    with pytest.raises(StoreError):
        keys.as_folder(prefix)
