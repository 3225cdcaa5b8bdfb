"""What a header says about how usual writing is in its pixels. It never decides whether they are looked at."""

from __future__ import annotations

from deid_platform.pixels.layout import Layout, value_of

# Slices and projections as scanners reconstruct them. Screens, radiographs, photographs and what nobody knows carry
# writing more often than not.
_PLAIN = frozenset({"CT", "MR", "PT", "NM"})
# Secondary Capture Image Storage and its multi-frame kinds. Source: PS3.4 table B.5-1.
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def usually_written(layout: Layout) -> bool:
    """Whether objects like this usually carry writing, so that a hint of it is enough and small letters are expected.

    Only greyscale slices straight from a scanner do not.
    """
    header = layout.header
    captured = str(value_of(header, "SOPClassUID") or "").startswith(_SECONDARY_CAPTURE)
    converted = value_of(header, "ConversionType") is not None
    return value_of(header, "Modality") not in _PLAIN or layout.samples != 1 or captured or converted
