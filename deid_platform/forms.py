"""Forms of identifiers that tell whoever they belong to, from ``data/text_patterns.toml``: numbers, addresses, ages."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources

from deid_platform.names import PLACEHOLDER

_AGES = "age over 89"
_MAY_HOLD_FORMS = re.compile(r"\d|@|www|://", re.IGNORECASE)
_CONNECTED = re.compile(r"@|www\.|://", re.IGNORECASE)


@cache
def text_patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Name and pattern of every form in ``data/text_patterns.toml``."""
    data = resources.files("deid_platform").joinpath("data/text_patterns.toml").read_text("utf-8")
    return tuple((p["name"], re.compile(p["pattern"], re.IGNORECASE)) for p in tomllib.loads(data)["pattern"])


def may_hold_forms(text: str) -> bool:
    """Whether a text can hold a form at all: most descriptors hold no digit, and none of these signs."""
    return _MAY_HOLD_FORMS.search(text) is not None


def replace_addresses(text: str) -> tuple[str, int]:
    """The text without e-mail and web addresses, which may hold underscores."""
    return _replaced(text, addresses=True) if _CONNECTED.search(text) else (text, 0)


def replace_e_mail_addresses(text: str) -> tuple[str, int]:
    """The text without e-mail addresses, which name a person wherever they stand."""
    return dict(text_patterns())["e-mail"].subn(PLACEHOLDER, text) if "@" in text else (text, 0)


def replace_forms(text: str) -> tuple[str, int]:
    """The text without any other form, and how many there were."""
    return _replaced(text, addresses=False)


def _replaced(text: str, *, addresses: bool) -> tuple[str, int]:
    total = 0
    for name, pattern in text_patterns():
        if (name in ("e-mail", "web address")) is addresses:
            text, count = pattern.subn(_capped_age if name.startswith(_AGES) else _keep_label, text)
            total += count
    return text, total


def _keep_label(match: re.Match[str]) -> str:
    return (match.groupdict().get("keep") or "") + PLACEHOLDER


def _capped_age(match: re.Match[str]) -> str:
    """45 CFR 164.514(b)(2)(i)(C): ages over 89 become one category."""
    return (match["keep"] or "") + "90+" + (match["unit"] or "")
