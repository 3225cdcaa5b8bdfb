"""The walk over every element at every depth, applying one policy to one DICOM item."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from deid_platform.dictionary import tag_text
from deid_platform.formats.dicom.advice import Advice, advice_of
from deid_platform.formats.dicom.answers import UNASKED, Answers, Unasked
from deid_platform.formats.dicom.charset import Charset, charset_of
from deid_platform.formats.dicom.codes import CODE_MEANING, CODE_TEXTS, INSTITUTION_CODES, is_published
from deid_platform.formats.dicom.documents import known_types, replacement_document
from deid_platform.formats.dicom.elements import CHARACTER_SET, ICC_PROFILE, PIXEL_TAGS, DataSet, Element, Extent
from deid_platform.formats.dicom.graphics import take_regions
from deid_platform.formats.dicom.opaque import holds_another
from deid_platform.formats.dicom.patient import PATIENT_ID, PATIENT_NAME, issuer_in
from deid_platform.formats.dicom.protect import TEXT_VRS, Protector
from deid_platform.formats.dicom.references import drop_stale_lists
from deid_platform.formats.dicom.structured import CONTENT, CONTENT_SEQUENCES, ContentCleaner
from deid_platform.formats.dicom.treatment import Treatment
from deid_platform.formats.dicom.uids import uid_in
from deid_platform.formats.dicom.vendor import clean_header
from deid_platform.formats.icc import cleaned_profile, standard_profile
from deid_platform.model import Change
from deid_platform.policy import Action, ObjectRules, Option, Policy, Rule
from deid_platform.policy.private import private_segment, public_segment
from deid_platform.subjects import Pseudonym

SOP_CLASS = 0x00080016
ENCAPSULATED_DOCUMENT, MIME_TYPE, MIME_TYPES, DOCUMENT_LENGTH = 0x00420011, 0x00420012, 0x00420014, 0x00420015
_OWN_TREATMENT = frozenset({ENCAPSULATED_DOCUMENT, PATIENT_ID, ICC_PROFILE, MIME_TYPE, MIME_TYPES})
_CONTENT_STEP = f"{public_segment(CONTENT)}/"
_NESTED_PIXELS = Rule(Action.REMOVE, "pixels in a sequence, which nobody looks at")
_ADVISED = Rule(Action.REMOVE, "(0008,0300): the sender says it identifies, or may")
_CONTAINER = Rule(Action.REMOVE, "holds a document or a file, which no list vouches for")
_HEADER = Rule(Action.CLEAN, "vendor header the profile asks for")
_PUBLISHED = Rule(Action.CLEAN, "PS3.16 section 8, code of a published scheme")


@dataclass(slots=True)
class Scrubber:
    """Cleans one item in place. ``changes`` counts what was done, by tag, action and source of the rule."""

    policy: Policy
    protector: Protector
    pseudonym: Pseudonym
    study_uid: str = ""
    answers: Answers = field(default_factory=Answers)
    little: bool = True
    file: BinaryIO | None = None
    changes: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    _rules: ObjectRules = field(init=False)
    _treatment: Treatment = field(init=False)
    _advice: Advice = field(init=False)

    def scrub(self, data: DataSet) -> None:
        """Apply the policy to ``data`` and all it holds; patient number and name become the subject's pseudonym."""
        self._rules = self.policy.of(uid_in(data, SOP_CLASS))
        self._treatment = Treatment(self.policy, self.protector)
        self._advice = advice_of(data, little=self.little)
        clean_graphics = Option.CLEAN_GRAPHICS in self.policy.options
        regions = take_regions(data, self._note, little=self.little) if clean_graphics else {}
        self._data_set(data, Charset(), path="", replace=False)
        data.update(regions)
        drop_stale_lists(data, self._note)
        named = self.pseudonym
        for tag, vr, text in ((PATIENT_NAME, "PN", named.patient_name), (PATIENT_ID, "LO", named.patient_id)):
            data[tag] = Element(tag, vr, text.encode())

    def recorded(self) -> tuple[Change, ...]:
        """All changes, sorted."""
        return tuple(Change(*key, count) for key, count in sorted(self.changes.items()))

    def _data_set(self, data: DataSet, charset: Charset, path: str, *, replace: bool) -> None:
        declared = data.get(CHARACTER_SET)
        if declared is not None and isinstance(declared.value, bytes):
            charset = charset_of(declared.value)
        published, retained = is_published(data, path), self._is_retained_institution(path)
        for element in list(data.values()):
            if element.tag >> 16 & 1:
                continue
            if (published or retained) and element.tag in CODE_TEXTS and isinstance(element.value, bytes):
                self._code(element, element.value, charset, retained=retained)
                continue
            rule = self._rules.rule(element.tag, element.vr, path)
            self._apply(data, element, rule, charset, path, replace=replace)
        self._private(data, charset, path, replace=replace)

    def _is_retained_institution(self, path: str) -> bool:
        """Whether the items under ``path`` are codes of an institution that is kept: its name is what they mean."""
        return path.endswith(INSTITUTION_CODES) and Option.RETAIN_INSTITUTION_IDENTITY in self.policy.options

    def _code(self, element: Element, value: bytes, charset: Charset, *, retained: bool) -> None:
        """A code, its scheme or its meaning, of a published scheme or of a retained institution."""
        protector = self.protector
        keep = protector.meaning if element.tag == CODE_MEANING else protector.code
        self._set(element, (protector.own_only if retained else keep)(element.vr, value, charset), _PUBLISHED)

    def _private(self, data: DataSet, charset: Charset, path: str, *, replace: bool) -> None:
        """Private elements by signature; of the creators only those stay that still have an element."""
        private = [element for element in data.values() if element.tag >> 16 & 1]
        needed = set()
        for element in private:
            creator = _creator_tag(element.tag)
            if creator == element.tag:
                continue
            self._private_element(data, element, charset, path, replace=replace)
            if element.tag in data:
                needed.add(creator)
        for element in private:
            if _creator_tag(element.tag) == element.tag and element.tag not in needed:
                self._remove(data, element, self.policy.private_rule("", "LO"))

    def _private_element(self, data: DataSet, element: Element, charset: Charset, path: str, *, replace: bool) -> None:
        group, creator, low_byte = element.tag >> 16, _creator(data, element), element.tag & 0xFF
        step = private_segment(group, creator, low_byte) if creator else ""
        rule = self._private_rule(element, path + step if step else "")
        if self._advice.blocks and self._advice.refuses(group, creator, low_byte):
            rule = _ADVISED
        elif rule.action is Action.REMOVE and not replace and self._header(element, step):
            return
        elif rule.seconds and isinstance(element.value, bytes):
            self._replace(data, element, self.protector.seconds(element.value, little=self.little), rule)
            return
        elif element.vr in TEXT_VRS and holds_another(element.value):
            rule = _CONTAINER
        self._apply(data, element, rule, charset, path + step, replace=replace)

    def _header(self, element: Element, step: str) -> bool:
        """Whether an element that would go is a vendor header the profile asks for, and now is a clean one."""
        form = self.policy.vendor_header(step)
        if form is None or isinstance(element.value, list):
            return False
        header = clean_header(form, element.value, self.file, self.protector)
        if header is not None:
            self._set(element, header, _HEADER)
        return header is not None

    def _private_rule(self, element: Element, signature: str) -> Rule:
        """The rule of a signature, none of which ('') is removed; the tables also say what an unknown VR is."""
        if isinstance(element.value, list):
            return self.policy.private_rule(signature, "SQ")
        if element.vr == "UN":
            element.vr = self.policy.private_vr(signature) or "UN"
        rule = self.policy.private_rule(signature, element.vr)
        # The knowledge base marks sequences 'not applicable' and their elements one by one.
        return Rule(Action.REMOVE, rule.source) if rule.action is Action.KEEP else rule

    def _apply(
        self, data: DataSet, element: Element, rule: Rule, charset: Charset, path: str, *, replace: bool
    ) -> None:
        if rule.action is Action.REMOVE:
            self._remove(data, element, rule)
        elif isinstance(element.value, list):
            step = "" if element.tag >> 16 & 1 else public_segment(element.tag)
            self._sequence(element, element.value, rule, charset, path + step, replace=replace)
        elif rule.action is Action.EMPTY:
            self._set(element, b"", rule)
        elif isinstance(element.value, Extent):
            self._extent(data, element, rule)
        elif element.value:
            self._value(data, element, element.value, rule, charset, replace=replace)

    def _sequence(
        self, element: Element, items: list[DataSet], rule: Rule, charset: Charset, path: str, *, replace: bool
    ) -> None:
        """A sequence is emptied or its items are cleaned; under D nothing in them survives as it was."""
        if rule.action is Action.EMPTY and items:
            self.changes[tag_text(element.tag), rule.action.value, rule.source] += 1
            items.clear()
        elif element.tag in CONTENT_SEQUENCES and not replace and _CONTENT_STEP not in path:
            ContentCleaner(self.policy, self._note, self.little).clean(items)
        for item in items:
            for tag in PIXEL_TAGS & item.keys():
                self._remove(item, item[tag], _NESTED_PIXELS)
            self._data_set(item, charset, path + "/", replace=replace or rule.action is Action.DUMMY)

    def _extent(self, data: DataSet, element: Element, rule: Rule) -> None:
        """A large value is copied or goes: nothing reads it here."""
        if element.tag == ENCAPSULATED_DOCUMENT:
            self._set(element, _stand_in(data), rule)
        elif rule.action is not Action.KEEP or element.tag >> 16 & 1 or element.vr == "UN":
            self._remove(data, element, rule)

    def _value(
        self, data: DataSet, element: Element, value: bytes, rule: Rule, charset: Charset, *, replace: bool
    ) -> None:
        if element.tag in _OWN_TREATMENT:
            own = self._own_treatment(data, element, value, rule, charset)
            if own is not None:
                self._set(element, own, rule)
                return
        question = (element.tag, element.vr, rule.action, value, charset, replace)
        treated = self.answers.get(question, UNASKED)
        if isinstance(treated, Unasked):
            treated = self._treatment.treat(element.tag, element.vr, rule.action, value, charset, replace=replace)
            self.answers.keep(question, treated)
        self._replace(data, element, treated, rule)

    def _replace(self, data: DataSet, element: Element, treated: bytes | None, rule: Rule) -> None:
        """Give an element its new value, None to remove it."""
        if treated is None:
            self._remove(data, element, rule)
        else:
            self._set(element, treated, rule)

    def _own_treatment(
        self, data: DataSet, element: Element, value: bytes, rule: Rule, charset: Charset
    ) -> bytes | None:
        """The new value of an attribute that is treated like no other, None where it is treated like all."""
        if element.tag == ENCAPSULATED_DOCUMENT and rule.action is Action.DUMMY:
            return _stand_in(data)
        if element.tag == PATIENT_ID and rule.action is Action.DUMMY:
            return self._patient(data, value, charset)
        if element.tag == ICC_PROFILE:
            return cleaned_profile(value) or standard_profile()
        return known_types(value) if element.tag in (MIME_TYPE, MIME_TYPES) else None

    def _patient(self, data: DataSet, number: bytes, charset: Charset) -> bytes:
        """What takes the place of a patient number, whose issuer stands beside it; it may be of another patient."""
        identity = self.protector.identity
        subject = identity.subject(charset.decode(number), self.study_uid, issuer_in(data, charset))
        return identity.mentioned(subject).encode()

    def _set(self, element: Element, value: bytes, rule: Rule) -> None:
        if value != element.value:
            element.value = value
            self.changes[tag_text(element.tag), rule.action.value, rule.source] += 1

    def _note(self, element: Element, rule: Rule) -> None:
        self.changes[tag_text(element.tag), rule.action.value, rule.source] += 1

    def _remove(self, data: DataSet, element: Element, rule: Rule) -> None:
        data.pop(element.tag, None)
        self.changes[tag_text(element.tag), Action.REMOVE.value, rule.source] += 1



def _creator_tag(tag: int) -> int:
    """The tag of the private creator a private element belongs to (PS3.5 7.8.1); its own for a creator."""
    group, number = tag & 0xFFFF0000, tag & 0xFFFF
    return tag if 0x10 <= number <= 0xFF else group | number >> 8


def _creator(data: DataSet, element: Element) -> str:
    """Who claims a private element, nobody where it is empty."""
    creator = data.get(_creator_tag(element.tag))
    if creator is None or creator is element or not isinstance(creator.value, bytes):
        return ""
    return creator.value.decode("latin-1").strip(" \0")


def _stand_in(data: DataSet) -> bytes:
    """The document that replaces the one in ``data``, whose length is told no more."""
    data.pop(DOCUMENT_LENGTH, None)
    element = data.get(MIME_TYPE)
    mime_type = known_types(element.value).decode() if element and isinstance(element.value, bytes) else ""
    return replacement_document(mime_type)


def walk(data: DataSet) -> Iterator[Element]:
    """Every element at every depth."""
    for element in data.values():
        yield element
        if isinstance(element.value, list):
            for item in element.value:
                yield from walk(item)
