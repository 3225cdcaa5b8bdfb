"""What all DICOM objects of the builders share: identity, file meta information, writing."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from tests.builders.people import Person, study_date
from tests.builders.planting import plant_text


def uid(person: Person, study: int = 1, series: int = 1, instance: int = 1) -> str:
    """SOP Instance UID of an object; with ``instance`` 0 that of its series, with ``series`` 0 too of its study."""
    return ".".join([person.uid_root, *(str(part) for part in (study, series, instance) if part)])


def new(person: Person, study: int, series: int, instance: int, modality: str, sop_class: UID) -> FileDataset:
    """Make an object with patient, study, series and equipment, as of 10:15 on the day of the study."""
    ds = FileDataset("", Dataset(), preamble=_preamble(person), file_meta=FileMetaDataset())
    ds.SpecificCharacterSet = person.charset
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, UID(uid(person, study, series, instance))
    ds.StudyInstanceUID, ds.SeriesInstanceUID = uid(person, study, 0, 0), uid(person, study, series, 0)
    ds.Modality, ds.SeriesNumber, ds.InstanceNumber = modality, series, instance
    ds.StudyID = f"STD{person.request[3:]}"
    day, time = study_date(person, study), f"1015{instance % 60:02d}"
    for event in ("Study", "Series", "Acquisition", "Content"):
        setattr(ds, f"{event}Date", day)
        setattr(ds, f"{event}Time", time)
    ds.AcquisitionDateTime = f"{day}{time}.250000+0100"
    plant_text(ds, person, day)
    _fill_file_meta(ds, person)
    return ds


def encode(ds: FileDataset) -> bytes:
    """Encode the object as a DICOM file."""
    buffer = BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


def write(ds: FileDataset, path: Path) -> Path:
    """Write the object as a DICOM file and return the path."""
    path.write_bytes(encode(ds))
    return path


def override(ds: FileDataset, values: dict[str, Any]) -> FileDataset:
    """Set attributes by keyword; None removes one."""
    for keyword, value in values.items():
        if value is not None:
            setattr(ds, keyword, value)
        elif keyword in ds:
            delattr(ds, keyword)
    return ds


def _fill_file_meta(ds: FileDataset, person: Person) -> None:
    meta = ds.file_meta
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID("1.2.826.0.1.3680043.10.511.1")
    meta.ImplementationVersionName = "BUILDER"
    meta.SourceApplicationEntityTitle = person.station
    meta.SendingApplicationEntityTitle = person.station
    meta.PrivateInformationCreatorUID = UID(f"{person.uid_root}.7")
    meta.PrivateInformation = person.sentence.encode("utf-8").ljust(256)[:256]


def _preamble(person: Person) -> bytes:
    """What a file that is also a TIFF begins with, and two identifiers."""
    return f"II*\0 {person.patient_id} {person.email}".encode().ljust(128, b"\0")
