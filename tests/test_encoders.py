"""Which comments of codestreams only name a program."""

from __future__ import annotations

import pytest

from deid_platform.encoders import names_encoder


@pytest.mark.parametrize(
    "comment", [b"Kakadu-2.2", b"Kakadu-v7.3.3\0", b"Created by OpenJPEG version 2.5.2", b"OpenJPH Ver 0.7.3.",
                b"Created by GDCM/OpenJPEG version 2.0", b"Creator: JasPer Version 1.701.0", b"Lavc58.91.100"]
)  # fmt: skip
def test_a_known_encoder_is_named(comment: bytes) -> None:
    assert names_encoder(comment)


@pytest.mark.parametrize(
    "comment", [b"", b"Kakadu-2.2 for John Doe", b"John Kakadu-2.2", b"Kakadu-v19610702", b"Kakadu-v7.3.19610702",
                b"kakadu", b"Lavc58.91.100\nJane", b"Kakadu-v\xd9\xa7.\xd9\xa3", b"Kakadu-2.2\0Doe"]
)  # fmt: skip
def test_anything_else_is_no_encoder(comment: bytes) -> None:
    assert not names_encoder(comment)
