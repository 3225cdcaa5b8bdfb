"""Forms of identifiers that tell whoever they belong to, from ``data/text_patterns.toml``: numbers, addresses, ages."""

from __future__ import annotations

import base64
import re
import tomllib
from functools import cache
from importlib import resources

from deid_platform.names import PLACEHOLDER

_AGES = "age over 89"
_MAY_HOLD_FORMS = re.compile(r"\d|@|www|://", re.IGNORECASE)
_CONNECTED = re.compile(r"@|[\[(]\s?at\b|www\.|://|\||['\"]\s*[:=]|=\s*['\"]|</", re.IGNORECASE)
_LEAST_CODED = 12
_CODED = re.compile(rf"(?<![\w+/=])[A-Za-z\d+/]{{{_LEAST_CODED - 2},}}={{0,2}}(?![\w+/=])")
_FIRST, _STREETS = "e-mail|web address|field", "street address"
"""Names of the forms that go first, and before what is known of the subject."""


@cache
def text_patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Name and pattern of every form in ``data/text_patterns.toml``."""
    data = resources.files("deid_platform").joinpath("data/text_patterns.toml").read_text("utf-8")
    return tuple((p["name"], re.compile(p["pattern"], re.IGNORECASE)) for p in tomllib.loads(data)["pattern"])


def may_hold_forms(text: str) -> bool:
    """Whether a text can hold a form at all: most descriptors hold no digit, and none of these signs."""
    return _MAY_HOLD_FORMS.search(text) is not None


def replace_addresses(text: str) -> tuple[str, int]:
    """The text without fields of records, e-mail and web addresses, which may hold underscores, and without base64."""
    text, coded = _without_base64(text) if len(text) >= _LEAST_CODED else (text, 0)
    text, count = _replaced(text, _forms_for(_FIRST)) if _CONNECTED.search(text) else (text, 0)
    return text, coded + count


def _without_base64(text: str) -> tuple[str, int]:
    """The text without words that are another text in base64, as long ones are not by chance."""
    coded = [run.span() for run in _CODED.finditer(text) if _is_coded_text(run[0])]
    for start, end in reversed(coded):
        text = text[:start] + PLACEHOLDER + text[end:]
    return text, len(coded)


def _is_coded_text(word: str) -> bool:
    try:
        return len(word) % 4 == 0 and base64.b64decode(word).decode("utf-8").isprintable()
    except ValueError:
        return False


def replace_streets(text: str) -> tuple[str, int]:
    """The text without street addresses: before single words of them are known for a place, or taken for a person."""
    return _replaced(text, _forms_for(_STREETS)) if any(map(str.isdecimal, text)) else (text, 0)


def replace_e_mail_addresses(text: str) -> tuple[str, int]:
    """The text without e-mail addresses, which name a person wherever they stand."""
    return dict(text_patterns())["e-mail"].subn(PLACEHOLDER, text) if "@" in text else (text, 0)


def replace_forms(text: str) -> tuple[str, int]:
    """The text without any other form, and how many there were."""
    return _replaced(text, _forms_for(""))


@cache
def _forms_for(kinds: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """The forms whose names begin with one of ``kinds``, with none of them the rest."""
    chosen = re.compile(kinds or f"{_FIRST}|{_STREETS}")
    return tuple(form for form in text_patterns() if (chosen.match(form[0]) is not None) is bool(kinds))


def _replaced(text: str, forms: tuple[tuple[str, re.Pattern[str]], ...]) -> tuple[str, int]:
    total = 0
    for name, pattern in forms:
        text, count = pattern.subn(_capped_age if name.startswith(_AGES) else _keep_label, text)
        total += count
    return text, total


def _keep_label(match: re.Match[str]) -> str:
    return (match.groupdict().get("keep") or "") + PLACEHOLDER


def _capped_age(match: re.Match[str]) -> str:
    """45 CFR 164.514(b)(2)(i)(C): ages over 89 become one category."""
    return (match["keep"] or "") + "90+" + (match["unit"] or "")
