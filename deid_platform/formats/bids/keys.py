"""Pseudonymous keys of objects that tell whose they are by their name alone, if at all."""

from __future__ import annotations

from collections.abc import Iterator

from deid_platform.formats.bids.naming import Named
from deid_platform.formats.protocol import Crossing, Description
from deid_platform.formats.whose import crossing
from deid_platform.identity import Identity


def named_at(name: str, identity: Identity) -> Named:
    """What a name tells at a site, see :class:`~deid_platform.formats.bids.naming.Named`."""
    return Named.of(name, identity.rules.number_in(name))


def described_by_name(name: str, identity: Identity) -> Description:
    """Keys of the object ``name``; its path is empty unless BIDS knows the name.

    Without a subject in its name, all of a folder is of one unknown subject. Objects that would be released under one
    path are one instance, so that none is written over another.
    """
    named = named_at(name, identity)
    study = "\0".join(named.study_key())
    subject = identity.subject(named.number or named.subject, study)
    path = named.released(identity, subject)
    return Description(
        subject=subject,
        study=identity.keyed_uid(study),
        series=identity.keyed_uid("\0".join(("series", named.folder, study))),
        instance=identity.keyed_uid("\0".join(("instance", path or name))),
        path=path,
    )


def object_path(described: Description, suffix: str) -> str:
    """Where an object whose name BIDS does not know is released."""
    return f"{described.subject}/{described.study}/{described.series}/{described.instance}{suffix}"


def crossings_of_name(name: str, identity: Identity) -> Iterator[Crossing]:
    """The subject a name tells, beside its pseudonym."""
    named = named_at(name, identity)
    return crossing(named.number or named.subject, described_by_name(name, identity).subject, identity)
