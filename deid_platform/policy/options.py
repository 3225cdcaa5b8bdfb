"""The options of PS3.15 2026c Annex E and their codes in CID 7050."""

from __future__ import annotations

from enum import Enum


class Option(Enum):
    """One option of the Basic Application Level Confidentiality Profile.

    The value is (name in a profile, column of Table E.1-1, code in CID 7050, code meaning).
    """

    CLEAN_GRAPHICS = ("clean_graphics", "Clean Graph. Opt.", "113103", "Clean Graphics Option")
    CLEAN_STRUCTURED_CONTENT = (
        "clean_structured_content", "Clean Struct. Cont. Opt.", "113104", "Clean Structured Content Option",
    )
    CLEAN_DESCRIPTORS = ("clean_descriptors", "Clean Desc. Opt.", "113105", "Clean Descriptors Option")
    RETAIN_FULL_DATES = (
        "retain_full_dates", "Rtn. Long. Full Dates Opt.", "113106",
        "Retain Longitudinal Temporal Information Full Dates Option",
    )
    RETAIN_MODIFIED_DATES = (
        "retain_modified_dates", "Rtn. Long. Modif. Dates Opt.", "113107",
        "Retain Longitudinal Temporal Information Modified Dates Option",
    )
    RETAIN_PATIENT_CHARACTERISTICS = (
        "retain_patient_characteristics", "Rtn. Pat. Chars. Opt.", "113108", "Retain Patient Characteristics Option",
    )
    RETAIN_DEVICE_IDENTITY = (
        "retain_device_identity", "Rtn. Dev. Id. Opt.", "113109", "Retain Device Identity Option",
    )
    RETAIN_UIDS = ("retain_uids", "Rtn. UIDs Opt.", "113110", "Retain UIDs Option")
    RETAIN_SAFE_PRIVATE = ("retain_safe_private", "Rtn. Safe Priv. Opt.", "113111", "Retain Safe Private Option")
    RETAIN_INSTITUTION_IDENTITY = (
        "retain_institution_identity", "Rtn. Inst. Id. Opt.", "113112", "Retain Institution Identity Option",
    )

    def __init__(self, label: str, column: str, code: str, meaning: str) -> None:
        self.label, self.column, self.code, self.meaning = label, column, code, meaning


BASIC_PROFILE_CODE = ("113100", "Basic Application Confidentiality Profile")
CLEAN_PIXEL_DATA_CODE = ("113101", "Clean Pixel Data Option")
CLEAN_FACES_CODE = ("113102", "Clean Recognizable Visual Features Option")
"""No option of a profile: text is removed from pixels under every profile."""
BY_LABEL = {option.label: option for option in Option}
