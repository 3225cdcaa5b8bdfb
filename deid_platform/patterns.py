"""Regular expressions that a site writes to find patient numbers in the names of objects.

RE2 searches with them: in a time that grows with the length of the name only. Python's own engine tries every way to
match, which takes for ever with expressions like ``(a+)+b``. The price is that RE2 has no looking around and no
references back, and that its ``\\d``, ``\\w`` and ``\\s`` are ASCII.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

GROUP = "subject"


def subject_in(pattern: str, name: str) -> str | None:
    """What the group ``subject`` of a pattern finds in a name; None where the pattern does not fit.

    ``pattern`` is one without a :func:`flaw`.
    """
    pa, compute = _library()
    found = compute.extract_regex(pa.scalar(name.encode(errors="replace").decode()), pattern=pattern).as_py()
    return None if found is None else found[GROUP]


def flaw(pattern: str) -> str:
    """Why a pattern cannot be used, in words that do not repeat it; empty where it can."""
    try:
        groups = re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return "it is no regular expression."
    if GROUP not in groups.groupindex:
        return "it has no group (?P<subject>...) for the patient number."
    if groups.groups != len(groups.groupindex):
        return "groups without a name are to be written as (?:...)."
    try:
        subject_in(pattern, "")
    except ValueError:
        return "RE2, which searches with it, knows no looking around ((?=...), (?<!...)) and no references back (\\1)."
    return ""


@cache
def _library() -> tuple[Any, Any]:
    """PyArrow, which starts a thread when it is imported: no process from which workers are forked may have one."""
    import pyarrow
    import pyarrow.compute

    return pyarrow, pyarrow.compute
