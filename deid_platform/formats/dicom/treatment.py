"""What becomes of one value, by the action of its rule and its VR: a function of policy, subject and value alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from deid_platform.formats.dicom.charset import Charset, is_declaration
from deid_platform.formats.dicom.elements import CHARACTER_SET
from deid_platform.formats.dicom.identifiers import identifying_attributes
from deid_platform.formats.dicom.products import is_plain_number, names_product
from deid_platform.formats.dicom.protect import NUMBER_BYTES, NUMBER_VRS, TEXT_VRS, Protector
from deid_platform.formats.dicom.vr import BINARY_VRS
from deid_platform.policy import Action, Policy


@dataclass(frozen=True, slots=True)
class Treatment:
    """Treats the values of one item that no attribute of its own rules asks to treat otherwise."""

    policy: Policy
    protector: Protector

    def treat(
        self, tag: int, vr: str, action: Action, value: bytes, charset: Charset, *, replace: bool
    ) -> bytes | None:
        """The new value, None to remove the element. ``replace``: in a sequence under D no text survives as it was."""
        protector = self.protector
        if vr == "UN" and not tag >> 16 & 1:
            return None
        if vr == "UI":
            return protector.uid(value, keep=action is Action.KEEP and tag >> 16 & 1 == 0)
        if action is Action.DUMMY or (replace and vr in TEXT_VRS):
            return protector.dummy(vr, value)
        if action is Action.UID:
            return protector.uids_only(value)
        if vr in TEXT_VRS:
            return self._text(tag, action, value)(vr, value, charset)
        if vr in ("DA", "DT", "TM"):
            return self._date(vr, action, value)
        return self._other(tag, vr, action, value, charset)

    def _text(self, tag: int, action: Action, value: bytes) -> Callable[[str, bytes, Charset], bytes]:
        """What is done with a text: all of it cleaned, or only what is known of the subject taken out."""
        protector = self.protector
        if names_product(tag):
            return protector.product
        if action is not Action.CLEAN:
            return protector.own_only if tag in identifying_attributes() else protector.descriptor
        return protector.own_only if tag >> 16 & 1 and is_plain_number(value) else protector.text

    def _date(self, vr: str, action: Action, value: bytes) -> bytes:
        """A date by the policy's way with dates; where they all go, those stay that an option keeps with its device."""
        dates = self.policy.dates
        if action is Action.KEEP or (action is Action.CLEAN and dates != "remove"):
            return self.protector.date(vr, value, keep=dates in ("keep", "remove"))
        return b""

    def _other(self, tag: int, vr: str, action: Action, value: bytes, charset: Charset) -> bytes | None:
        """Terms, numbers, ages, names and bytes that are kept or cleaned."""
        protector = self.protector
        if vr == "AS":
            return protector.age(value)
        if vr in NUMBER_VRS:
            return protector.number(value)
        if vr == "CS":
            if tag == CHARACTER_SET:
                return value if is_declaration(value) else None
            return protector.term(value, charset)
        if vr in ("PN", "AE", "UR"):
            return self._named(tag, vr, action, value, charset)
        if vr in BINARY_VRS and tag >> 16 & 1:
            return protector.opaque(value)
        if vr in BINARY_VRS and action is not Action.KEEP:
            return None
        # A binary number whose bytes do not add up, or spell a text, is something else under a false VR.
        return None if len(value) % NUMBER_BYTES.get(vr, 1) or protector.spells_identifiers(value) else value

    def _named(self, tag: int, vr: str, action: Action, value: bytes, charset: Charset) -> bytes:
        """Names of persons, application entities and addresses go unless a rule keeps just this one."""
        if action is Action.KEEP and (vr == "AE" or self.policy.vouches_for(tag, vr)):
            return self.protector.own_only(vr, value, charset)
        return self.protector.title(vr, value, charset) if action is Action.CLEAN and vr == "AE" else b""
