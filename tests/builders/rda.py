"""Small files of Siemens spectroscopy with planted identifiers, line by line as the scanner's export writes them."""

from __future__ import annotations

import numpy as np

PLANTED = (
    b"DOE", b"JANE", b"47110815", b"19700203", b"20200103", b"Elsewhere", b"167024", b"MRC35113", b"Roe", b"knee pain",
)  # fmt: skip
PERSON = {
    "PatientName": "DOE^JANE", "PatientID": "47110815", "PatientSex": "F", "PatientBirthDate": "19700203",
    "StudyDate": "20200103", "StudyTime": "143511.531000", "StudyDescription": "Research^Roe", "PatientAge": "049Y",
    "PatientWeight": "55.000000", "SeriesDate": "20200103", "SeriesTime": "150744.312000",
    "SeriesDescription": "svs_se_30 JANE", "ProtocolName": "svs_se_30", "PatientPosition": "HFS",
    "SeriesNumber": "9", "InstitutionName": "St Elsewhere", "StationName": "MRC35113", "ModelName": "TrioTim",
    "DeviceSerialNumber": "167024", "SoftwareVersion[0]": "syngo MR B15", "InstanceDate": "20200103",
    "InstanceTime": "150744.312000", "InstanceNumber": "1", "InstanceComments": "knee pain, Dr Roe",
    "AcquisitionNumber": "1", "SequenceName": "*svs_se", "SequenceDescription": "*svs_se",
}  # fmt: skip
TECHNICAL = {
    "TR": "3000.000000", "TE": "30.000000", "TM": "0.000000", "TI": "0.000000", "DwellTime": "833", "EchoNumber": "0",
    "NumberOfAverages": "64.000000", "MRFrequency": "123.246181", "Nucleus": "1H", "MagneticFieldStrength": "3.000000",
    "NumOfPhaseEncodingSteps": "1", "FlipAngle": "90.000000", "HammingFilter": "Off", "FrequencyCorrection": "NO",
    "TransmitCoil": "TxRx_Head", "TransmitRefAmplitude[1H]": "272.618000", "SliceThickness": "15.000000",
    "PositionVector[0]": "-44.741978", "RowVector[0]": "-0.000000", "ColumnVector[0]": "0.999849",
    "VOIPositionSag": "-37.243119", "VOINormalTra": "0.998190", "FoVHeight": "15.000000", "NumberOfRows": "1",
    "PixelSpacing3D": "15.000000",
}  # fmt: skip


def samples(count: int) -> bytes:
    """Complex numbers of a decaying oscillation."""
    at = np.arange(count)
    return np.exp((0.3j - 0.01) * at).astype("<c16").tobytes()


def rda_file(
    size: tuple[int, int, int] = (1, 1, 1), *, vector: int = 16, newline: str = "\r\n", **changed: str
) -> bytes:
    """A file of ``vector`` samples for each of ``size`` voxels; ``changed`` replaces values or adds keys."""
    sizes = {"VectorSize": str(vector)} | {f"CSIMatrixSize[{axis}]": str(count) for axis, count in enumerate(size)}
    values = PERSON | TECHNICAL | sizes | changed
    lines = [">>> Begin of header <<<", *(f"{key}: {value}" for key, value in values.items()), ">>> End of header <<<"]
    return (newline.join(lines) + newline).encode("latin-1") + samples(vector * int(np.prod(size)))
