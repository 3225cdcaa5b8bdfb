"""Stand-ins for encapsulated documents, which PS3.15 2026c Table E.1-1 wants replaced (D), never cleaned."""

from __future__ import annotations

_TEXT = "Document removed during de-identification"
_KNOWN_TYPES = frozenset((
    "application/pdf", "text/xml", "application/xml", "model/stl", "model/obj", "model/mtl", "image/jpeg", "image/png",
    "text/plain", "application/dicom", "application/octet-stream",
))  # fmt: skip


def known_types(value: bytes) -> bytes:
    """MIME types without parameters, which may name a file; an unknown type becomes application/octet-stream."""
    names = (name.split(";")[0].strip(" \0").lower() for name in value.decode("latin-1").split("\\"))
    return "\\".join(name if name in _KNOWN_TYPES else "application/octet-stream" for name in names).encode()


def replacement_document(mime_type: str) -> bytes:
    """A valid document of the same type that says it was replaced, of even length."""
    if mime_type == "application/pdf":
        data = _pdf()
    elif mime_type in ("text/xml", "application/xml"):
        body = f'<ClinicalDocument xmlns="urn:hl7-org:v3"><title>{_TEXT}</title></ClinicalDocument>'
        data = f'<?xml version="1.0"?>{body}'.encode()
    elif mime_type == "model/stl":
        data = _TEXT.encode().ljust(80)[:80] + bytes(4)
    else:
        data = f"# {_TEXT}\n".encode()
    return data + b" " * (len(data) % 2)


def _pdf() -> bytes:
    """One page with one line, as PDF 1.4 with a correct cross-reference table (ISO 32000-1 7.5)."""
    stream = f"BT /F1 18 Tf 72 720 Td ({_TEXT}) Tj ET".encode()
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj%s endobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + trailer
