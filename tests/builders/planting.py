"""Where senders leave identifiers: text, nested sequences, private blocks, overlays and curves."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import UID, MRImageStorage

from tests.builders import pixels
from tests.builders.people import Person, spelled

STUDY_CLASS = UID("1.2.840.10008.3.1.2.3.1")
SAFE_CREATORS = {0x0019: "SIEMENS MR HEADER", 0x2001: "Philips Imaging DD 001", 0x0043: "GEMS_PARM_01"}
"""Private blocks whose elements planted here are known to be safe (PS3.15 2026c, Table E.3.10-1)."""


def keywords(values: dict[str, Any]) -> Dataset:
    """Make a data set from keywords."""
    ds = Dataset()
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


def items(*values: dict[str, Any]) -> list[Dataset]:
    """Make sequence items from keywords."""
    return [keywords(value) for value in values]


def plant_text(ds: Dataset, person: Person, day: str) -> None:
    """Plant identifiers in the attributes at the top level, comments and descriptions among them."""
    values = {
        "PatientName": person.name,
        "PatientID": person.patient_id,
        "IssuerOfPatientID": person.issuer,
        "PatientBirthDate": person.birth_date,
        "PatientSex": "O",
        "PatientAge": f"{int(day[:4]) - int(person.birth_date[:4]):03d}Y",
        "PatientWeight": "71.5",
        "OtherPatientIDsSequence": items(
            {"PatientID": person.other_id, "IssuerOfPatientID": person.issuer, "TypeOfPatientID": "TEXT"}
        ),
        "OtherPatientNames": f"{person.given}^{person.family}",
        "PatientAddress": person.address,
        "PatientTelephoneNumbers": person.phone,
        "AdditionalPatientHistory": f"{person.sentence}\r\nContact {person.email}.",
        "PatientComments": person.sentence,
        "AccessionNumber": person.accession,
        "ReferringPhysicianName": f"{person.physician}^Ada",
        "PerformingPhysicianName": f"{person.physician}^Ada",
        "OperatorsName": f"{person.operator}^Bo",
        "InstitutionName": person.institution,
        "InstitutionAddress": person.address,
        "StationName": person.station,
        "Manufacturer": "ACME",
        "ManufacturerModelName": "Builder",
        "DeviceSerialNumber": person.serial,
        "SoftwareVersions": "1.0",
        "StudyDescription": f"Chest {person.family}",
        "SeriesDescription": f"Axial for Dr {person.physician}",
        "ProtocolName": f"Routine {spelled(day)}",
        "ImageComments": f"Asked for by {person.physician}, {person.institution}; call {person.phone}",
    }
    ds.update(keywords(values))


def plant_nested(ds: Dataset, person: Person, study_uid: str) -> None:
    """Plant identifiers and UIDs in sequences, up to three levels deep."""
    study = {"ReferencedSOPClassUID": STUDY_CLASS, "ReferencedSOPInstanceUID": study_uid}
    source = {"ReferencedSOPClassUID": MRImageStorage, "ReferencedSOPInstanceUID": f"{study_uid}.77.1"}
    request = {
        "AccessionNumber": person.accession,
        "RequestedProcedureID": person.request,
        "RequestedProcedureDescription": f"CT {person.family}",
        "ScheduledProcedureStepID": person.request,
        "ReferencedStudySequence": items(study),
        "ScheduledProtocolCodeSequence": items(
            {"CodeValue": "T1", "CodingSchemeDesignator": "99BUILDER", "CodeMeaning": f"Protocol of {person.physician}"}
        ),
    }
    former = {
        "PatientName": person.name,
        "PatientID": person.other_id,
        "RequestAttributesSequence": items(
            {"RequestedProcedureID": person.request, "AccessionNumber": person.accession}
        ),
    }
    ds.RequestAttributesSequence = items(request)
    ds.ReferencedStudySequence = items(study)
    ds.SourceImageSequence = items(source)
    ds.ReferringPhysicianIdentificationSequence = items(
        {
            "PersonIdentificationCodeSequence": items(
                {
                    "CodeValue": person.operator[:16],
                    "CodingSchemeDesignator": "99STAFF",
                    "CodeMeaning": person.physician,
                }
            ),
            "InstitutionName": person.institution,
            "PersonTelephoneNumbers": person.phone,
        }
    )
    ds.OriginalAttributesSequence = items(
        {
            "AttributeModificationDateTime": f"{person.study_date}101500",
            "ModifyingSystem": person.station,
            "SourceOfPreviousValues": person.institution,
            "ReasonForTheAttributeModification": "CORRECT",
            "ModifiedAttributesSequence": items(former),
        }
    )


def plant_private(ds: Dataset, person: Person) -> None:
    """Add known-safe private elements, and identifiers in unknown blocks, in each VR that can carry them."""
    safe = ds.private_block(0x0019, SAFE_CREATORS[0x0019], create=True)
    safe.add_new(0x0C, "IS", "1000")
    safe.add_new(0x0E, "FD", [0.0, 0.6, 0.8])
    ds.private_block(0x2001, SAFE_CREATORS[0x2001], create=True).add_new(0x03, "FL", 1000.0)
    ds.private_block(0x0043, SAFE_CREATORS[0x0043], create=True).add_new(0x27, "SH", "0.984:1")
    same_place = ds.private_block(0x0019, "ACME SAME PLACE", create=True)
    same_place.add_new(0x0C, "LO", person.patient_id)
    ds.private_block(0x0029, "SIEMENS CSA HEADER", create=True).add_new(0x10, "OB", _padded(person.sentence))
    unknown = ds.private_block(0x0099, "ACME INTERNAL 1.0", create=True)
    unknown.add_new(0x01, "LO", f"{person.family} {person.given}")
    unknown.add_new(0x02, "PN", person.name)
    unknown.add_new(0x03, "DA", person.birth_date)
    unknown.add_new(0x04, "UN", _padded(person.sentence))
    unknown.add_new(0x05, "OB", _padded(person.email))
    unknown.add_new(0x06, "UI", f"{person.uid_root}.55")
    unknown.add_new(0x07, "SQ", [_private_item(person)])
    ds.private_block(0x0099, person.patient_id, create=True).add_new(0x01, "LO", person.address)


def plant_graphics(ds: Dataset, person: Person, swapped: bool = False) -> None:
    """Add an overlay that shows the family name, and a retired curve described by it; ``swapped`` for big endian."""
    rows, columns = 40, 320
    plane = np.packbits(pixels.text_mask(rows, columns, person.family), bitorder="little").tobytes()
    overlay = {
        0x0010: ("US", rows),
        0x0011: ("US", columns),
        0x0022: ("LO", f"Name {person.family}"),
        0x0040: ("CS", "G"),
        0x0050: ("SS", [1, 1]),
        0x0100: ("US", 1),
        0x0102: ("US", 0),
        0x1500: ("LO", person.patient_id),
        0x3000: ("OW", words(plane, swapped)),
        0x4000: ("LT", person.sentence),
    }
    curve = {
        0x0005: ("US", 1),
        0x0010: ("US", 3),
        0x0020: ("CS", "ECG"),
        0x0022: ("LO", f"Trace of {person.family}"),
        0x0103: ("US", 0),
        0x3000: ("OW", words(np.array([1, 2, 3], "<u2").tobytes(), swapped)),
    }
    for group, elements in ((0x6000, overlay), (0x5000, curve)):
        for element, (vr, value) in elements.items():
            ds.add_new((group, element), vr, value)


def words(data: bytes, swapped: bool) -> bytes:
    """16-bit words in the byte order of the data set."""
    return np.frombuffer(data, "<u2").astype(">u2").tobytes() if swapped else data


def _private_item(person: Person) -> Dataset:
    item = Dataset()
    item.PatientName = person.name
    item.private_block(0x0099, "ACME INTERNAL 1.0", create=True).add_new(0x01, "LT", person.sentence)
    return item


def _padded(text: str) -> bytes:
    data = text.encode("utf-8")
    return data + b" " * (len(data) % 2)
