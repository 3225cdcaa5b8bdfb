"""Rules a site writes for single attributes and private elements, checked as far as one can without the tables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pydicom.datadict import keyword_dict

from deid_platform.dictionary import parse_tag, public_vr, tag_text
from deid_platform.policy.reading import Key, ProfileText, choices
from deid_platform.policy.rule import Action
from deid_platform.policy.signature import private_segment

_ATTRIBUTE_KEYS = {"tag", "action", "why", "accept_risk"}
_PRIVATE_KEYS = {"signature", "vr", "action", "why"}
# Written by this platform, or what makes the object readable: no profile decides on these.
_OURS = frozenset({
    0x00080005, 0x00080016, 0x00080018, 0x0020000D, 0x0020000E, 0x00100010, 0x00100020, 0x00120062, 0x00120063,
    0x00120064, 0x0018A001, 0x00420011,
})  # fmt: skip
_OUR_GROUPS = frozenset({0x0000, 0x0002, 0x0004, 0x0028, 0x7FE0})
_PUBLIC_STEP = re.compile(r"[0-9a-f]{3}[02468ace],[0-9a-f]{4}", re.IGNORECASE)
_PRIVATE_STEP = re.compile(r"([0-9a-f]{3}[13579bdf]),([^,]+|.+,.+),([0-9a-f]{2})", re.IGNORECASE)
_ITEM_NUMBER = re.compile(r"\[<?\d*>?\]")
_PRIVATE_ACTIONS = (Action.CLEAN, Action.UID, Action.REMOVE)


@dataclass(frozen=True, slots=True)
class AttributeRule:
    """What a site wants done to one public attribute, at every depth."""

    tag: int
    action: Action
    why: str
    accept_risk: bool
    place: tuple[ProfileText, Key]


@dataclass(frozen=True, slots=True)
class PrivateRule:
    """What a site wants done to one private element, by its nested signature; ``vr`` is empty for every VR."""

    signature: str
    vr: str
    action: Action
    why: str


def attribute_rule(text: ProfileText, key: Key, entry: dict[str, Any]) -> AttributeRule:
    """A checked ``[[attribute]]``; PolicyError with its line when it cannot be followed."""
    _check_keys(text, key, entry, _ATTRIBUTE_KEYS, ("tag", "action", "why"))
    tag = _tag(text, (*key, "tag"), str(entry["tag"]))
    action = _action(text, (*key, "action"), str(entry["action"]), tuple(Action))
    if action is Action.UID and public_vr(tag) not in ("UI", "SQ"):
        raise text.error((*key, "action"), "U is for UIDs, and for sequences that hold some.")
    accept_risk = entry.get("accept_risk", False)
    if not isinstance(accept_risk, bool):
        raise text.error((*key, "accept_risk"), "must be true or false.")
    return AttributeRule(tag, action, _why(text, key, entry), accept_risk, (text, key))


def private_rule(text: ProfileText, key: Key, entry: dict[str, Any]) -> PrivateRule:
    """A checked ``[[private]]``; PolicyError with its line when it cannot be followed."""
    _check_keys(text, key, entry, _PRIVATE_KEYS, ("signature", "action", "why"))
    signature = _signature(text, (*key, "signature"), str(entry["signature"]))
    vr = str(entry.get("vr", ""))
    if vr and not re.fullmatch("[A-Z]{2}", vr):
        raise text.error((*key, "vr"), "must be a VR such as 'LO'.")
    action = _action(text, (*key, "action"), str(entry["action"]), _PRIVATE_ACTIONS)
    return PrivateRule(signature, vr, action, _why(text, key, entry))


def _check_keys(text: ProfileText, key: Key, entry: dict[str, Any], known: set[str], required: tuple[str, ...]) -> None:
    for name in entry:
        if name not in known:
            raise text.error((*key, name), f"unknown key {name!r}: {choices(name, known)}")
    for name in required:
        if name not in entry:
            raise text.error(key, f"lacks the key {name!r}.")


def _tag(text: ProfileText, key: Key, written: str) -> int:
    tag = parse_tag(written)
    if tag is not None and tag >> 16 & 1:
        raise text.error(key, "private elements are named by signature, in a [[private]] table.")
    if tag is None or public_vr(tag) is None:
        raise text.error(key, f"unknown attribute {written!r}: {choices(written, keyword_dict)}")
    if tag in _OURS or tag >> 16 in _OUR_GROUPS:
        raise text.error(key, f"{tag_text(tag)} is written by this platform, or says how to read the object.")
    return tag


def _action(text: ProfileText, key: Key, written: str, allowed: tuple[Action, ...]) -> Action:
    if written not in allowed:
        raise text.error(key, f"unknown action {written!r}: known are {', '.join(allowed)}.")
    return Action(written)


def _why(text: ProfileText, key: Key, entry: dict[str, Any]) -> str:
    why = " ".join(str(entry["why"]).split())
    if not why:
        raise text.error((*key, "why"), "say why.")
    return why


def _signature(text: ProfileText, key: Key, written: str) -> str:
    """A signature as :mod:`deid_platform.policy.private` writes it, from that or the knowledge base's spelling."""
    plain = _ITEM_NUMBER.sub("", written).replace(")(", "/").replace('"', "").strip("()/ ")
    steps = [_step(step.strip()) for step in plain.split("/")]
    if None in steps or not _PRIVATE_STEP.fullmatch(str(steps[-1])):
        raise text.error(key, "must lead to a private element, as in '0008,1140/0019,SIEMENS MR HEADER,0c'.")
    return "/".join(filter(None, steps))


def _step(written: str) -> str | None:
    """One step of a signature, None for what is none."""
    private = _PRIVATE_STEP.fullmatch(written)
    if private:
        return private_segment(int(private[1], 16), private[2], int(private[3], 16))
    return written.lower() if _PUBLIC_STEP.fullmatch(written) else None
