from __future__ import annotations

import base64

import pytest

from tests.builders.people import SCRIPTS, leaks, person, planted


def test_a_hundred_people_share_no_identifier() -> None:
    tokens = [token for n in range(100) for token in planted(person(n))]
    assert len(tokens) == len(set(tokens))
    assert min(map(len, tokens)) >= 6


def test_there_is_no_hundred_and_first_person() -> None:
    with pytest.raises(ValueError, match="100 people"):
        person(100)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "gb18030"])
@pytest.mark.parametrize("n", range(len(SCRIPTS)))
def test_leaks_finds_every_token_in_every_encoding(n: int, encoding: str) -> None:
    tokens = planted(person(n))
    assert leaks(person(n), " ".join(tokens).encode(encoding)) == tokens
    assert leaks(person(n), " ".join(planted(person(n + 1))).encode(encoding)) == []


@pytest.mark.parametrize("lead", range(3))
def test_leaks_finds_a_token_inside_base64(lead: int) -> None:
    one = person(3)
    packed = base64.b64encode(b"x" * lead + f" {one.family} and more".encode())
    assert leaks(one, packed) == [one.family]


def test_planted_leaves_out_the_fields_named() -> None:
    one = person(0)
    assert set(planted(one)) - set(planted(one, without=("serial", "birth_date"))) == {
        one.serial,
        one.birth_date,
        f"{one.birth_date[6:]}.{one.birth_date[4:6]}.{one.birth_date[:4]}",
    }
