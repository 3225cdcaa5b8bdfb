"""Whose an object is, also of one that tells it by its name alone, as the site says its names do."""

from __future__ import annotations

from collections.abc import Iterator

from deid_platform.formats.protocol import Crossing
from deid_platform.identity import Identity


def subject_by_name(name: str, identity: Identity, alone: str) -> str:
    """The subject whose number the name of an object tells; where it tells none, ``alone`` stands for a study."""
    return identity.subject(identity.rules.number_in(name), alone)


def refuse_unnamed(name: str, identity: Identity, alone: str) -> None:
    """Raise UnsafeToRelease where the site names its patients, and not this one: no file would show the difference."""
    identity.pseudonym(subject_by_name(name, identity, alone))


def crossing_of_name(name: str, identity: Identity, alone: str) -> Iterator[Crossing]:
    """The patient number in the name of an object, beside its pseudonym."""
    return crossing(identity.rules.number_in(name), subject_by_name(name, identity, alone), identity)


def crossing(number: str, subject: str, identity: Identity) -> Iterator[Crossing]:
    """The patient number of a subject beside its pseudonym; nothing where there is none."""
    if number:
        yield Crossing("patient", number, identity.pseudonym(subject).patient_id)
