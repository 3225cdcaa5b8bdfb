from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deid_platform.audit.bytesearch import PREFIX, Needlestack

NEEDLES = [b"quintrelle", b"quin", b"\0Q\0u\0i", b"aaaa", b"aaaaa", "山桜木村".encode()]


def naive(needles: list[bytes], data: bytes) -> set[tuple[bytes, int]]:
    return {(n, at) for n in needles for at in range(len(data)) if data.startswith(n, at)}


@pytest.mark.parametrize("at", [0, 1, 2, 3, 1001, 1002])
@pytest.mark.parametrize("needle", NEEDLES)
def test_a_needle_is_found_wherever_it_stands(needle: bytes, at: int) -> None:
    for rest in (0, 1, 2):
        data = bytes([0xFF]) * at + needle + bytes([0xFF]) * rest
        assert (needle, at) in set(Needlestack(NEEDLES).found_in(data))


def test_every_occurrence_is_found() -> None:
    data = b"aaaaaaa quintrelle" * 3
    assert set(Needlestack(NEEDLES).found_in(data)) == naive(NEEDLES, data)


def test_nothing_is_found_where_nothing_is() -> None:
    for data in (b"", b"q", b"qui", b"QUINTRELLE", b"qu in", bytes(10_000)):
        assert list(Needlestack(NEEDLES).found_in(data)) == []
    assert list(Needlestack([]).found_in(b"quintrelle")) == []


def test_too_short_a_needle_is_refused() -> None:
    with pytest.raises(ValueError, match=str(PREFIX)):
        Needlestack([b"abc"])


@settings(derandomize=True, max_examples=200, deadline=None, database=None)
@given(
    st.lists(st.text("ab\0", min_size=4, max_size=7).map(str.encode), max_size=6),
    st.text("ab\0", max_size=60).map(str.encode),
)
def test_it_finds_what_a_plain_search_finds(needles: list[bytes], data: bytes) -> None:
    assert set(Needlestack(needles).found_in(data)) == naive(needles, data)
