"""The drop of the demonstration: real DICOM files with planted identities, and a few files nobody can use."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image, ImageDraw, ImageFont
from pydicom.data import get_testdata_file
from pydicom.dataset import FileDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

MARKER = "_COMPLETE"


@dataclass(frozen=True, slots=True)
class Patient:
    """An invented identity."""

    number: str
    name: str
    born: str
    accession: str
    physician: str


HOSPITAL = "Marienberg General Hospital"
PATIENTS = (
    Patient("H-3300917", "Okonkwo^Adaeze^M", "19580314", "RAD7741902", "Lindqvist^Torsten"),
    Patient("H-3310042", "Villanueva^Ignacio", "19330728", "RAD7741955", "Haraldsen^Signe"),
    Patient("H-3329516", "Brandt-Kowalski^Zofia", "19910105", "RAD7742013", "Lindqvist^Torsten"),
)

# pydicom's packaged files: CT, MR, US, RT, SR and ECG, in uncompressed, RLE, JPEG, JPEG-LS, JPEG 2000, big-endian and
# deflated transfer syntaxes. The number picks the patient.
FILES = (
    ("CT_small.dcm", 0),
    ("MR_small.dcm", 0),
    ("MR_small_RLE.dcm", 0),
    ("MR_small_bigendian.dcm", 1),
    ("MR_small_jp2klossless.dcm", 1),
    ("MR_small_jpeg_ls_lossless.dcm", 1),
    ("image_dfl.dcm", 1),
    ("JPEG-lossy.dcm", 2),
    ("rtplan.dcm", 2),
    ("rtdose.dcm", 2),
    ("reportsi.dcm", 2),
    ("waveform_ecg.dcm", 0),
    ("examples_overlay.dcm", 1),
)


def write_drop(folder: Path) -> int:
    """Fill ``folder`` and put the completion marker into it; gives the number of items."""
    folder.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the packaged files are odd on purpose
        for number, (name, patient) in enumerate(FILES):
            planted(name, PATIENTS[patient], number).save_as(_place(folder, PATIENTS[patient], name))
        _burn(planted("CT_small.dcm", PATIENTS[2], 90), PATIENTS[2]).save_as(_place(folder, PATIENTS[2], "screen.dcm"))
        whole = folder / "cut.dcm"
        planted("CT_small.dcm", PATIENTS[0], 91).save_as(whole)
    whole.write_bytes(whole.read_bytes()[:20000])
    (folder / "notes.txt").write_text("Please call the ward about Mrs Okonkwo.\n", "utf-8")
    (folder / "empty.dcm").touch()
    items = sum(1 for path in folder.rglob("*") if path.is_file() and path.name != MARKER)
    (folder / MARKER).touch()
    return items


def planted(name: str, patient: Patient, number: int) -> FileDataset:
    """A packaged file as an instance of its own that names ``patient`` in the header, in a comment, privately."""
    path = get_testdata_file(name, download=False)
    if path is None:
        raise FileNotFoundError(f"pydicom does not carry {name}.")
    data = pydicom.dcmread(str(path))
    data.SpecificCharacterSet = "ISO_IR 100"
    data.PatientID, data.PatientName, data.PatientBirthDate = patient.number, patient.name, patient.born
    data.AccessionNumber, data.ReferringPhysicianName = patient.accession, patient.physician
    data.InstitutionName = HOSPITAL
    data.StudyDate = data.SeriesDate = data.ContentDate = "20240229"
    data.StudyDescription = f"FOLLOW UP {patient.name.split('^')[0].upper()} 29.02.2024"
    data.ImageComments = f"Discussed with Dr. {patient.physician.split('^')[0]}, tel. 030 5550173. No acute findings."
    data.private_block(0x0011, "ACME RIS 1.0", create=True).add_new(0x01, "LO", patient.name)
    data.StudyInstanceUID = generate_uid(entropy_srcs=[patient.number, "study"])
    data.SeriesInstanceUID = generate_uid(entropy_srcs=[patient.number, name, str(number)])
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[name, str(number)])
    return data


def _burn(data: FileDataset, patient: Patient) -> FileDataset:
    """The same image, enlarged, with the patient's name and birth date painted into the pixels."""
    pixels = np.kron(data.pixel_array, np.ones((4, 4), data.pixel_array.dtype))
    mask = Image.new("L", (pixels.shape[1], pixels.shape[0]))
    text = f"{patient.name.replace('^', ', ')}\nDOB {patient.born}"
    ImageDraw.Draw(mask).multiline_text((20, 20), text, 255, ImageFont.load_default(28))
    pixels[np.asarray(mask) > 127] = pixels.max()
    data.Rows, data.Columns = pixels.shape
    data.PixelData = pixels.tobytes()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return data


def _place(folder: Path, patient: Patient, name: str) -> Path:
    """Where a hospital would put the file: under a folder that names the patient."""
    place = folder / patient.name.replace("^", "_") / name
    place.parent.mkdir(parents=True, exist_ok=True)
    return place
