"""Images full of identifiers, in every pixel layout and transfer syntax that can be encoded here."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydicom import uid as uids
from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian

from tests.builders import pixels
from tests.builders.objects import new, override, uid
from tests.builders.people import Person
from tests.builders.planting import items, keywords, plant_graphics, plant_nested, plant_private, words

CLASSES: dict[str, tuple[UID, UID | None]] = {
    "CR": (uids.ComputedRadiographyImageStorage, None),
    "CT": (uids.CTImageStorage, uids.EnhancedCTImageStorage),
    "DX": (uids.DigitalXRayImageStorageForPresentation, None),
    "MR": (uids.MRImageStorage, uids.EnhancedMRImageStorage),
    "OT": (uids.SecondaryCaptureImageStorage, uids.MultiFrameGrayscaleWordSecondaryCaptureImageStorage),
    "PT": (uids.PositronEmissionTomographyImageStorage, None),
    "US": (uids.UltrasoundImageStorage, uids.UltrasoundMultiFrameImageStorage),
    "XA": (uids.XRayAngiographicImageStorage, uids.XRayAngiographicImageStorage),
}
"""Modality -> SOP class of one frame, of several."""

_ENHANCED = {uids.EnhancedCTImageStorage, uids.EnhancedMRImageStorage}
_VOLUMES = {"CT", "MR", "PT"}
_SPECIFIC: dict[str, dict[str, Any]] = {
    "CR": {"ViewPosition": "PA"},
    "CT": {"RescaleIntercept": -1024, "RescaleSlope": 1, "RescaleType": "HU", "KVP": 120},
    "DX": {
        "PresentationIntentType": "FOR PRESENTATION",
        "PresentationLUTShape": "IDENTITY",
        "PixelIntensityRelationship": "LOG",
        "PixelIntensityRelationshipSign": -1,
        "RescaleIntercept": 0,
        "RescaleSlope": 1,
        "RescaleType": "US",
        "ImageLaterality": "U",
        "BurnedInAnnotation": "NO",
        "LossyImageCompression": "00",
        "DetectorType": "",
        "ImagerPixelSpacing": [0.2, 0.2],
        "AcquisitionContextSequence": [],
        "WindowCenter": 32768,
        "WindowWidth": 65536,
        "AnatomicRegionSequence": items(
            {"CodeValue": "51185008", "CodingSchemeDesignator": "SCT", "CodeMeaning": "Chest"}
        ),
    },
    "MR": {
        "ScanningSequence": "SE",
        "SequenceVariant": "NONE",
        "ScanOptions": "",
        "MRAcquisitionType": "2D",
        "RepetitionTime": 500,
        "EchoTime": 12,
        "EchoTrainLength": 1,
        "MagneticFieldStrength": 3,
    },
    "OT": {"ConversionType": "WSD", "BurnedInAnnotation": "NO"},
    "PT": {
        "RescaleIntercept": 0,
        "RescaleSlope": 1,
        "Units": "BQML",
        "CountsSource": "EMISSION",
        "SeriesType": ["STATIC", "IMAGE"],
        "NumberOfSlices": 1,
        "DecayCorrection": "START",
        "DecayFactor": 1,
        "CorrectedImage": ["DECY"],
        "CollimatorType": "NONE",
        "FrameReferenceTime": 0,
        "ActualFrameDuration": 60000,
        "ImageIndex": 1,
        "PatientOrientationCodeSequence": [],
        "PatientGantryRelationshipCodeSequence": [],
    },
    "XA": {
        "PixelIntensityRelationship": "LIN",
        "RadiationSetting": "GR",
        "KVP": 80,
        "XRayTubeCurrent": 100,
        "ExposureTime": 8,
        "Exposure": 1,
        "PositionerPrimaryAngle": 0,
        "PositionerSecondaryAngle": 0,
    },
}


def image(
    person: Person,
    study: int = 1,
    series: int = 1,
    instance: int = 1,
    *,
    modality: str = "CT",
    rows: int = 64,
    columns: int = 64,
    bits: int | None = None,
    signed: bool = False,
    photometric: str = "MONOCHROME2",
    planar: int = 0,
    frames: int = 1,
    transfer_syntax: UID = ExplicitVRLittleEndian,
    text: str | None = None,
    private: bool = True,
    graphics: bool = True,
    **overrides: Any,
) -> FileDataset:
    """Make an image full of identifiers.

    Parameters
    ----------
    modality : one of :data:`CLASSES`; "OT" gives a Secondary Capture, several frames of CT and MR the enhanced classes
    bits : Bits Stored; by default 8 in colour and ultrasound, else 16
    photometric : MONOCHROME1, MONOCHROME2, RGB, YBR_FULL, YBR_FULL_422 (native only) or PALETTE COLOR
    transfer_syntax : a native one, JPEG Baseline, RLE, JPEG 2000 or JPEG-LS (both lossless or not)
    text : burnt into every frame, at :func:`pixels.text_box`, large enough to be read
    private : with private blocks, some of them known to be safe
    graphics : with an overlay and a retired curve
    overrides : attributes by keyword; None removes one

    Raises
    ------
    ValueError
        If the text does not fit, or the modality has no class for several frames.
    """
    grey = photometric.startswith("MONOCHROME")
    bits = bits or (16 if grey and modality != "US" else 8)
    ds = new(person, study, series, instance, modality, _sop_class(modality, frames, bits, photometric))
    swapped = transfer_syntax == ExplicitVRBigEndian
    ds.update(keywords(_SPECIFIC.get(modality, {})))
    if modality in _VOLUMES:
        _place(ds, person, study, instance)
    if modality == "PT":
        _inject(ds)
    plant_nested(ds, person, uid(person, study, 0, 0))
    if private:
        plant_private(ds, person)
    if graphics:
        plant_graphics(ds, person, swapped)
    colour = () if grey or photometric == "PALETTE COLOR" else (3,)
    picture = pixels.background(
        (frames, rows, columns, *colour), bits, signed, (person.number, study, series, instance)
    )
    if text is not None:
        picture = pixels.burn_in(picture, text, pixels.limits(bits, signed)[1])
    _describe(ds, picture.shape, bits, signed)
    _colour(ds, photometric, planar, swapped)
    if ds.SOPClassUID in _ENHANCED:
        _group_functionally(ds, person, frames)
    pixels.store(ds, picture, transfer_syntax)
    return override(ds, overrides)


def secondary_capture(person: Person, text: str, **settings: Any) -> FileDataset:
    """Make a screenshot in colour with the text burnt in; ``settings`` are those of :func:`image`."""
    defaults = {"modality": "OT", "photometric": "RGB", "rows": 128, "columns": 640}
    return image(person, text=text, **{**defaults, **settings})


def _sop_class(modality: str, frames: int, bits: int, photometric: str) -> UID:
    single, multiple = CLASSES[modality]
    if frames == 1:
        return single
    if multiple is None:
        raise ValueError(f"{modality} has no multi-frame class.")
    if modality == "OT" and not photometric.startswith("MONO"):
        return uids.MultiFrameTrueColorSecondaryCaptureImageStorage
    if modality == "OT" and bits == 8:
        return uids.MultiFrameGrayscaleByteSecondaryCaptureImageStorage
    return multiple


def _place(ds: Dataset, person: Person, study: int, instance: int) -> None:
    """Put the slice where it belongs: 3 mm above the one before, in the frame of reference of the study."""
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = f"{uid(person, study, 0, 0)}.999", ""
    ds.ImagePositionPatient, ds.ImageOrientationPatient = [-32, -32, 3 * instance], [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing, ds.SliceThickness, ds.PatientPosition = [1, 1], 3, "HFS"


def _inject(ds: Dataset) -> None:
    """Give the tracer 50 minutes before the scan: an interval that must survive any shift of dates."""
    tracer = {
        "Radiopharmaceutical": "FDG",
        "RadiopharmaceuticalStartTime": "092500",
        "RadiopharmaceuticalStartDateTime": f"{ds.StudyDate}092500",
        "RadionuclideTotalDose": 300000000,
        "RadionuclideHalfLife": 6588,
        "RadionuclideCodeSequence": [],
    }
    ds.RadiopharmaceuticalInformationSequence = items(tracer)
    del ds.PatientPosition


def _describe(ds: Dataset, shape: tuple[int, ...], bits: int, signed: bool) -> None:
    third = {"CT": ["AXIAL"], "MR": ["M"], "XA": ["SINGLE PLANE"]}.get(ds.Modality, [])
    ds.ImageType = ["DERIVED", "SECONDARY"] if ds.Modality == "OT" else ["ORIGINAL", "PRIMARY", *third]
    ds.BodyPartExamined, ds.PatientOrientation, ds.AcquisitionNumber = "CHEST", ["L", "F"], 1
    ds.Rows, ds.Columns = shape[1:3]
    ds.SamplesPerPixel = 3 if len(shape) == 4 else 1
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = pixels.allocated(bits), bits, bits - 1
    ds.PixelRepresentation = int(signed)
    if shape[0] > 1:
        ds.NumberOfFrames = shape[0]
        if ds.SOPClassUID not in _ENHANCED:
            ds.FrameTime, ds.FrameIncrementPointer = 40, 0x00181063
        if ds.Modality == "XA":
            ds.PositionerMotion = "STATIC"
        if ds.Modality == "OT" and ds.SamplesPerPixel == 1:
            ds.PresentationLUTShape = "IDENTITY"
            ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = 0, 1, "US"


def _colour(ds: Dataset, photometric: str, planar: int, swapped: bool) -> None:
    ds.PhotometricInterpretation = photometric
    if ds.SamplesPerPixel == 3:
        ds.PlanarConfiguration = planar
    if photometric == "PALETTE COLOR":
        ramp = words((np.arange(256, dtype="<u2") * 257).tobytes(), swapped)
        for colour in ("Red", "Green", "Blue"):
            setattr(ds, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
            setattr(ds, f"{colour}PaletteColorLookupTableData", ramp)


def _group_functionally(ds: Dataset, person: Person, frames: int) -> None:
    """Describe the frames of an enhanced object, with a comment and a time in each."""
    spacing = items({"PixelSpacing": [1, 1], "SliceThickness": 3})
    ds.SharedFunctionalGroupsSequence = items({"PixelMeasuresSequence": spacing})
    groups = []
    for frame in range(frames):
        time, comment = f"{ds.StudyDate}1015{frame % 60:02d}", f"{person.family} frame {frame}"
        content = items({"FrameAcquisitionDateTime": time, "FrameReferenceDateTime": time, "FrameComments": comment})
        position = items({"ImagePositionPatient": [-32, -32, 3 * frame]})
        groups.append({"FrameContentSequence": content, "PlanePositionSequence": position})
    ds.PerFrameFunctionalGroupsSequence = items(*groups)
