"""Which DICOM images of slides show no label. The default is no.

Source: PS3.3 2026c C.8.12.4.1.1 (Image Type of whole-slide images) and C.7.6.22 (Specimen Label in Image).
"""

from __future__ import annotations

from deid_platform.formats.dicom.elements import DataSet
from deid_platform.formats.dicom.uids import uid_in

_SOP_CLASS, _IMAGE_TYPE, _LABEL_IN_IMAGE = 0x00080016, 0x00080008, 0x00480010
_WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
_WITHOUT_LABEL = ("VOLUME", "THUMBNAIL")
_FLAVOR = 2


def shows_label(data: DataSet) -> bool:
    """Whether an image shows the label of a slide, or may: what is written by hand there, no reader of text finds.

    An overview is a photograph of the whole glass, label included, whatever it says of itself.
    """
    if uid_in(data, _SOP_CLASS) != _WHOLE_SLIDE:
        return False
    kinds = uid_in(data, _IMAGE_TYPE).split("\\")
    flavor = kinds[_FLAVOR].strip() if len(kinds) > _FLAVOR else ""
    return flavor not in _WITHOUT_LABEL or uid_in(data, _LABEL_IN_IMAGE) not in ("NO", "")
