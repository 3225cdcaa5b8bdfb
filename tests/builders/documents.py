"""Objects without an image: a structured report, an encapsulated PDF, an ECG."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import ComprehensiveSRStorage, CTImageStorage, EncapsulatedPDFStorage, GeneralECGWaveformStorage

from tests.builders.objects import new, override, uid
from tests.builders.people import Person, study_date
from tests.builders.planting import items


def report(person: Person, study: int = 1, series: int = 90, instance: int = 1, **overrides: Any) -> FileDataset:
    """Make a structured report: observer and subject named, free text, dates, references, three levels deep."""
    ds = new(person, study, series, instance, "SR", ComprehensiveSRStorage)
    day = study_date(person, study)
    source = {"ReferencedSOPClassUID": CTImageStorage, "ReferencedSOPInstanceUID": uid(person, study)}
    finding = [
        content("CONTAINS", "TEXT", ("121071", "Finding"), TextValue=person.sentence),
        content("CONTAINS", "IMAGE", ("121191", "Referenced Segment"), ReferencedSOPSequence=items(source)),
        content("CONTAINS", "NUM", ("410668003", "Length"), MeasuredValueSequence=_millimetres("12.5")),
    ]
    ds.ContentSequence = [
        content("HAS OBS CONTEXT", "PNAME", ("121008", "Person Observer Name"), PersonName=f"{person.physician}^Ada"),
        content("HAS OBS CONTEXT", "PNAME", ("121029", "Subject Name"), PersonName=person.name),
        content("HAS OBS CONTEXT", "UIDREF", ("121028", "Subject UID"), UID=f"{person.uid_root}.31"),
        content("HAS OBS CONTEXT", "TEXT", ("121030", "Subject ID"), TextValue=person.patient_id),
        content("CONTAINS", "DATE", ("111060", "Study Date"), Date=day),
        content("CONTAINS", "DATETIME", ("111526", "DateTime Started"), DateTime=f"{day}101500"),
        content(
            "CONTAINS", "CONTAINER", ("121070", "Findings"), ContinuityOfContent="SEPARATE", ContentSequence=finding
        ),
    ]
    ds.ValueType, ds.ContinuityOfContent = "CONTAINER", "SEPARATE"
    ds.ConceptNameCodeSequence = _code("121111", "Summary")
    ds.CompletionFlag, ds.VerificationFlag = "COMPLETE", "VERIFIED"
    ds.VerifyingObserverSequence = items(
        {
            "VerifyingObserverName": f"{person.physician}^Ada",
            "VerifyingObserverIdentificationCodeSequence": [],
            "VerifyingOrganization": person.institution,
            "VerificationDateTime": f"{day}120000",
        }
    )
    series_items = items({"ReferencedSOPSequence": items(source), "SeriesInstanceUID": uid(person, study, 1, 0)})
    ds.CurrentRequestedProcedureEvidenceSequence = items(
        {"ReferencedSeriesSequence": series_items, "StudyInstanceUID": uid(person, study, 0, 0)}
    )
    ds.PerformedProcedureCodeSequence, ds.ReferencedPerformedProcedureStepSequence = [], []
    return override(ds, overrides)


def encapsulated_pdf(
    person: Person, study: int = 1, series: int = 91, instance: int = 1, **overrides: Any
) -> FileDataset:
    """Make an encapsulated PDF that names the person on its page, in its title and in its own metadata."""
    ds = new(person, study, series, instance, "DOC", EncapsulatedPDFStorage)
    data = pdf(person.sentence, author=person.physician)
    ds.DocumentTitle, ds.MIMETypeOfEncapsulatedDocument = f"Letter about {person.family}", "application/pdf"
    ds.EncapsulatedDocument, ds.EncapsulatedDocumentLength = data + bytes(len(data) % 2), len(data)
    ds.BurnedInAnnotation, ds.ConversionType, ds.ConceptNameCodeSequence = "YES", "WSD", []
    return override(ds, overrides)


def waveform(person: Person, study: int = 1, series: int = 92, instance: int = 1, **overrides: Any) -> FileDataset:
    """Make an ECG of two channels and 200 samples, annotated with the person's name."""
    ds = new(person, study, series, instance, "ECG", GeneralECGWaveformStorage)
    samples = (1000 * np.sin(np.linspace(0, 25, 400))).astype("<i2")
    ds.WaveformSequence = items(
        {
            "WaveformOriginality": "ORIGINAL",
            "NumberOfWaveformChannels": 2,
            "NumberOfWaveformSamples": 200,
            "SamplingFrequency": 500,
            "MultiplexGroupLabel": f"Rhythm {person.family}"[:16],
            "ChannelDefinitionSequence": items(_channel("I", person), _channel("II", person)),
            "WaveformBitsAllocated": 16,
            "WaveformSampleInterpretation": "SS",
        }
    )
    ds.WaveformSequence[0].add_new("WaveformData", "OW", samples.tobytes())
    note = {"UnformattedTextValue": person.sentence, "ReferencedWaveformChannels": [1, 0], "AnnotationGroupNumber": 1}
    ds.WaveformAnnotationSequence = items(note)
    ds.AcquisitionContextSequence = []
    return override(ds, overrides)


def content(relation: str, value_type: str, concept: tuple[str, str], **value: Any) -> Dataset:
    """Make an item of a report's tree; ``concept`` is a DCM (or SNOMED) code and its meaning."""
    name = _code(*concept)
    return items({"RelationshipType": relation, "ValueType": value_type, "ConceptNameCodeSequence": name, **value})[0]


def pdf(text: str, author: str) -> bytes:
    """Make a valid PDF of one page, uncompressed, with the text on it and the author in its information dictionary."""
    page = f"BT /F 12 Tf 20 700 Td ({_escaped(text)}) Tj ET".encode("latin-1", "replace")
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%b\nendstream" % (len(page), page),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        f"<</Author({_escaped(author)})/Title({_escaped(text[:40])})>>".encode("latin-1", "replace"),
    ]
    data, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(data))
        data += b"%d 0 obj%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer<</Size 7/Root 1 0 R/Info 6 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(data)
    return data + b"xref\n0 7\n0000000000 65535 f \n" + table + trailer


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def _code(value: str, meaning: str) -> list[Dataset]:
    scheme = "SCT" if len(value) > 6 else "DCM"
    return items({"CodeValue": value, "CodingSchemeDesignator": scheme, "CodeMeaning": meaning})


def _millimetres(value: str) -> list[Dataset]:
    unit = items({"CodeValue": "mm", "CodingSchemeDesignator": "UCUM", "CodeMeaning": "mm"})
    return items({"NumericValue": value, "MeasurementUnitsCodeSequence": unit})


def _channel(lead: str, person: Person) -> dict[str, Any]:
    return {
        "ChannelLabel": f"{lead} {person.operator}"[:16],
        "ChannelSourceSequence": items(
            {"CodeValue": lead, "CodingSchemeDesignator": "99LEAD", "CodeMeaning": f"Lead {lead}"}
        ),
        "ChannelSensitivity": 1,
        "ChannelSensitivityUnitsSequence": items(
            {"CodeValue": "uV", "CodingSchemeDesignator": "UCUM", "CodeMeaning": "microvolt"}
        ),
        "ChannelSensitivityCorrectionFactor": 1,
        "ChannelBaseline": 0,
        "ChannelSampleSkew": 0,
        "WaveformBitsStored": 16,
    }
