"""How a site or project is configured to name its patients, from words to an identity that does so."""

from __future__ import annotations

from dataclasses import dataclass, replace

from deid_platform.errors import StoreError, VaultError
from deid_platform.identity import Identity
from deid_platform.mapping import with_mapping
from deid_platform.patterns import flaw
from deid_platform.store.keys import from_name
from deid_platform.store.s3 import S3Connection
from deid_platform.store.url import open_store
from deid_platform.subjects import Issuers, SubjectRules, Unknown, issuer_name


@dataclass(frozen=True, slots=True)
class SubjectSettings:
    """What is asked for, empty where nothing is.

    Parameters
    ----------
    mapping : str
        Path or s3:// address of a mapping file, see :mod:`deid_platform.mapping`.
    unknown_subjects : str
        A value of :class:`~deid_platform.subjects.Unknown`; ``quarantine`` where a mapping file is given.
    issuers : str
        A value of :class:`~deid_platform.subjects.Issuers`; ``ignore`` unless issuers are named.
    default_issuer : str
        Whose numbers come without an issuer.
    sites : bool
        Whether the mapping file serves several sites.
    subject_pattern : str
        Regular expressions, one a line, that find the patient number in names of slides, pictures and NIfTI files, as
        their group ``subject``; the first that is found counts.
    """

    mapping: str = ""
    unknown_subjects: str = ""
    issuers: str = ""
    default_issuer: str = ""
    sites: bool = False
    subject_pattern: str = ""


def named(identity: Identity, settings: SubjectSettings, connection: S3Connection | None = None) -> Identity:
    """The identity of a site that names its patients as configured; ``connection`` is for a mapping file on S3.

    Raises
    ------
    VaultError
        The settings contradict each other, or the mapping file cannot be used.
    """
    rules = _rules(settings)
    if not settings.mapping:
        return replace(identity, rules=rules)
    folder, slash, name = settings.mapping.rpartition("/")
    try:
        data = open_store(folder or slash or ".", connection).read(from_name(name))
    except StoreError:
        raise VaultError("The mapping file cannot be read: check its address and who may read it.") from None
    found = with_mapping(identity, rules, data, name, sites=settings.sites)
    if settings.issuers == Issuers.IGNORE and found.rules.issuers is Issuers.SEPARATE:
        raise VaultError(f"Mapping file {name} names issuers, which are to be ignored: drop that column, or have "
                         "issuers separated.")
    return found


def _rules(settings: SubjectSettings) -> SubjectRules:
    issuer = issuer_name(settings.default_issuer)
    issuers = Issuers(settings.issuers or (Issuers.SEPARATE if issuer else Issuers.IGNORE))
    unknown = Unknown(settings.unknown_subjects or (Unknown.QUARANTINE if settings.mapping else Unknown.DERIVE))
    if issuer and issuers is Issuers.IGNORE:
        raise VaultError("A default issuer makes no sense while issuers are ignored: have them separated, or leave it "
                         "out.")
    if unknown is Unknown.QUARANTINE and not settings.mapping:
        raise VaultError("Without a mapping file every patient is unknown: give one, or have pseudonyms derived.")
    return SubjectRules(issuers, issuer, unknown, patterns=_patterns(settings.subject_pattern))


def _patterns(text: str) -> tuple[str, ...]:
    """The expressions of a text. Raises VaultError when one of them cannot be used."""
    patterns = tuple(filter(None, map(str.strip, text.splitlines())))
    for number, pattern in enumerate(patterns, start=1):
        if wrong := flaw(pattern):
            raise VaultError(f"Subject pattern {number} cannot be used: {wrong}")
    return patterns
