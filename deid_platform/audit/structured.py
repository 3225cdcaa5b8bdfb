"""Whether the content items of a cleaned object may be there, by their concepts, read by pydicom."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataset import Dataset

from deid_platform.policy import Action, Policy

Hit = tuple[str, str]
_SEQUENCES = {
    "ContentSequence": "(0040,A730)",
    "AcquisitionContextSequence": "(0040,0555)",
    "SpecimenPreparationStepContentItemSequence": "(0040,0612)",
    "WaveformAnnotationSequence": "(0040,B020)",
}
_TEXTS = ("TextValue", "PersonName", "UnformattedTextValue")
_YEARS = 89


def check_content(data: Dataset, policy: Policy) -> Iterator[Hit]:
    """Items that had to go or to be replaced, at any depth of a data set: (place, kind)."""
    for element in data:
        if element.VR != "SQ":
            continue
        place = _SEQUENCES.get(element.keyword)
        for item in element.value:
            if place:
                yield from ((place, kind) for kind in _faults(item, policy))
            yield from check_content(item, policy)


def _faults(item: Dataset, policy: Policy) -> Iterator[str]:
    kind = str(item.get("ValueType") or ("TEXT" if "UnformattedTextValue" in item else "")).strip().upper()
    for code in item.get("ConceptNameCodeSequence") or []:
        scheme = str(code.get("CodingSchemeDesignator") or "").split(" ")[0]
        value = str(code.get("CodeValue") or code.get("LongCodeValue") or code.get("URNCodeValue") or "")
        rule = policy.content_rule(scheme, value, kind)
        if rule is None:
            continue
        if rule.action is Action.REMOVE:
            yield "content_not_removed"
        elif rule.action is Action.DUMMY and any(str(item.get(name) or "REMOVED") != "REMOVED" for name in _TEXTS):
            yield "content_not_replaced"
    if _is_old(item):
        yield "age_over_89"


def _is_old(item: Dataset) -> bool:
    """Whether an item measures the age of a subject in years, and it is above 89 but not the category 90."""
    names = {str(code.get("CodeValue")) for code in item.get("ConceptNameCodeSequence") or []}
    if not names & {"121033", "397669002", "424144002", "30525-0", "29553-5"}:
        return False
    for measured in item.get("MeasuredValueSequence") or []:
        units = {str(code.get("CodeValue")) for code in measured.get("MeasurementUnitsCodeSequence") or []}
        number = measured.get("NumericValue")
        if "a" in units and number is not None and _YEARS < float(number) != _YEARS + 1:
            return True
    return False
