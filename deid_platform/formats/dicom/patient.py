"""Who a DICOM item is of: patient number and its issuer, as they stand in the data set."""

from __future__ import annotations

from deid_platform.formats.dicom.charset import Charset, charset_of
from deid_platform.formats.dicom.elements import CHARACTER_SET, DataSet
from deid_platform.identity import Identity
from deid_platform.subjects import Issuers, issuer_name

PATIENT_NAME, PATIENT_ID = 0x00100010, 0x00100020
ISSUER, ISSUER_QUALIFIERS, UNIVERSAL_ENTITY_ID = 0x00100021, 0x00100024, 0x00400032


def subject_of(data: DataSet, study_uid: str, identity: Identity) -> str:
    """The opaque key of the patient an item is of."""
    number = text_in(data, PATIENT_ID, declared_charset(data))
    return identity.subject(number, study_uid, issuer_of(data, identity))


def issuer_of(data: DataSet, identity: Identity) -> str:
    """Who issued the patient number of an item; empty where issuers are not told apart, or none is named."""
    if identity.rules.issuers is Issuers.IGNORE:
        return ""
    return issuer_name(issuer_in(data, declared_charset(data))) or identity.rules.default_issuer


def issuer_in(data: DataSet, charset: Charset) -> str:
    """Who issued the patient number of a data set; empty when it does not say.

    Issuer of Patient ID (0010,0021) is unique at a site (PS3.3 C.2.2: HL7 v2 CX.4.1, the namespace); only where it is
    missing the Universal Entity ID of (0010,0024) stands for it.
    """
    named = text_in(data, ISSUER, charset)
    qualifiers = data.get(ISSUER_QUALIFIERS)
    if named or qualifiers is None or not isinstance(qualifiers.value, list):
        return named
    return next(filter(None, (text_in(item, UNIVERSAL_ENTITY_ID, charset) for item in qualifiers.value)), "")


def declared_charset(data: DataSet) -> Charset:
    """The character set a data set declares for itself, the default repertoire where it declares none."""
    declared = data.get(CHARACTER_SET)
    return charset_of(declared.value) if declared and isinstance(declared.value, bytes) else Charset()


def text_in(data: DataSet, tag: int, charset: Charset) -> str:
    """A value as text without its padding, empty where there is none."""
    element = data.get(tag)
    if element is None or not isinstance(element.value, bytes):
        return ""
    return charset.decode(element.value).strip(" \0")
