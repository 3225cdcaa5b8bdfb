from __future__ import annotations

import gzip
import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrage import x25519

from deid_platform.encryption import check_recipients, make_key, read_key, read_rows_with, write_rows_for
from deid_platform.errors import StoreError, VaultError
from tests.builders.properties import sparingly

SECRET = "Quintrelle"
texts = st.text(st.characters(exclude_categories=()), max_size=20)


@pytest.fixture
def key(tmp_path: Path) -> tuple[str, str]:
    """Public and private key."""
    return make_key(tmp_path / "key"), read_key(tmp_path / "key")


def read(private: str, path: Path) -> list[list[str]]:
    rows: list[list[str]] = []
    read_rows_with(private, path, rows.append)
    return rows


PAIR = x25519.Identity.generate()


@given(st.lists(st.lists(texts, min_size=1, max_size=4), max_size=10))
@sparingly
def test_rows_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]) -> None:
    path = tmp_path_factory.mktemp("rows") / "file"
    assert write_rows_for([str(PAIR.to_public())], rows, path) == len(rows)
    assert read(str(PAIR), path) == rows


def test_many_rows_come_back_in_order(tmp_path: Path, key: tuple[str, str]) -> None:
    rows = [["uid", f"1.2.{number}", str(number * 7919 % 10007)] for number in range(40_000)]
    write_rows_for([key[0]], iter(rows), tmp_path / "file")
    assert read(key[1], tmp_path / "file") == rows


def test_whoever_writes_cannot_read(tmp_path: Path, key: tuple[str, str]) -> None:
    path = tmp_path / "file"
    write_rows_for([key[0]], [[SECRET] * 3], path)
    assert SECRET.encode() not in path.read_bytes()
    with pytest.raises(VaultError, match="made for another key"):
        read(str(x25519.Identity.generate()), path)
    with pytest.raises(VaultError, match="private key is none"):
        read(key[0], path)


def test_every_recipient_can_read(tmp_path: Path, key: tuple[str, str]) -> None:
    other = x25519.Identity.generate()
    write_rows_for([key[0], str(other.to_public())], [["a"]], tmp_path / "file")
    assert read(key[1], tmp_path / "file") == read(str(other), tmp_path / "file") == [["a"]]


def test_common_programs_can_read_it(tmp_path: Path, key: tuple[str, str]) -> None:
    write_rows_for([key[0]], [["a", "b"]], tmp_path / "file")
    plain = gzip.decompress(pyrage.decrypt((tmp_path / "file").read_bytes(), [x25519.Identity.from_str(key[1])]))
    assert json.loads(plain) == ["a", "b"]


@pytest.mark.parametrize("where", [0, 30, 300, 70_000, -1])
def test_a_file_that_was_changed_is_refused(tmp_path: Path, key: tuple[str, str], where: int) -> None:
    path = tmp_path / "file"
    write_rows_for([key[0]], ([str(n * 7919 % 100_003), SECRET] for n in range(60_000)), path)
    data = bytearray(path.read_bytes())
    data[where] ^= 1
    path.write_bytes(data)
    with pytest.raises(VaultError) as caught:
        read(key[1], path)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("left", [0, 10, 200, 65_536 + 216, -1])
def test_a_file_that_was_cut_is_refused(tmp_path: Path, key: tuple[str, str], left: int) -> None:
    path = tmp_path / "file"
    write_rows_for([key[0]], ([str(n * 7919 % 100_003)] for n in range(60_000)), path)
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(VaultError, match="damaged"):
        read(key[1], path)


def test_what_goes_wrong_with_a_row_is_told_as_it_is(tmp_path: Path, key: tuple[str, str]) -> None:
    def rows() -> Iterator[list[str]]:
        yield [SECRET]
        raise StoreError("An original is gone.")

    with pytest.raises(StoreError, match="An original is gone") as caught:
        write_rows_for([key[0]], rows(), tmp_path / "file")
    assert caught.value.__cause__ is None


def test_files_are_for_their_owner_only(tmp_path: Path, key: tuple[str, str]) -> None:
    write_rows_for([key[0]], [["a"]], tmp_path / "file")
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("file", "key")} == {0o600}


def test_a_key_is_never_written_over(tmp_path: Path, key: tuple[str, str]) -> None:
    with pytest.raises(VaultError, match="exists"):
        make_key(tmp_path / "key")
    assert read_key(tmp_path / "key") == key[1]
    with pytest.raises(VaultError, match="cannot be written"):
        make_key(tmp_path / "none" / "key")


@pytest.mark.parametrize("content", [b"", b"# only words\n", SECRET.encode(), b"\xff\xfe"])
def test_what_is_no_key_is_refused_and_not_quoted(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(VaultError, match="private key") as caught:
        read_key(tmp_path / "key")
    assert SECRET not in str(caught.value)


def test_recipients_are_put_in_order(key: tuple[str, str]) -> None:
    other = str(x25519.Identity.generate().to_public())
    assert check_recipients([other, f" {key[0]}\n", other, ""]) == tuple(sorted((key[0], other)))
    for wrong, told in (([], "Nobody could read"), ([" "], "Nobody could read"), ([key[1]], "no age public key")):
        with pytest.raises(VaultError, match=told) as caught:
            check_recipients(wrong)
        assert key[1] not in str(caught.value)
