"""A profile file as people wrote it, which can tell on which line each of its keys stands.

``tomllib`` does not keep positions. A key stands where the file, read line by line, first has it.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from deid_platform.errors import PolicyError

Key = tuple[str | int, ...]
"""Names of keys and numbers of list entries, from the top of the file."""


@dataclass(frozen=True, slots=True)
class ProfileText:
    """A profile file: its name, its text, and what TOML reads in it."""

    name: str
    text: str = field(repr=False)
    data: dict[str, Any] = field(repr=False)

    def error(self, key: Key, message: str) -> PolicyError:
        """What is wrong with ``key``, with its line; to be raised."""
        line = self.line(key) if key else None
        where = f"line {line}, " if line else ""
        return PolicyError(f"{self.name}, {where}{_written(key)}: {message}" if key else f"{self.name}: {message}")

    def line(self, key: Key) -> int | None:
        """The line, from 1, on which a key or an entry of a list stands; None when the file does not have it."""
        lines, done = self.text.splitlines(), 0
        for end in range(1, len(lines) + 1):
            try:
                data = tomllib.loads("\n".join(lines[:end]))
            except tomllib.TOMLDecodeError:
                continue  # inside a text or a list of several lines
            found, value = _value(data, key)
            if found:
                return _first(lines, done, end, value)
            done = end
        return None


def read(name: str, text: str) -> ProfileText:
    """Read a profile file; PolicyError with the line when it is no TOML."""
    try:
        return ProfileText(name, text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{name}: not valid TOML, {error}.") from None


def choices(given: object, known: Iterable[str]) -> str:
    """The end of a complaint about an unknown name: the nearest known one, or all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(str(given), names, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known are {', '.join(names)}." if len(names) < 20 else "there is nothing like it."


def _value(data: Any, key: Key) -> tuple[bool, Any]:
    for part in key:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return False, None
    return True, data


def _first(lines: list[str], done: int, end: int, value: object) -> int:
    """The first line after ``done`` that says anything; for an entry of a list the one that says ``value``."""
    said = [n for n in range(done, end) if lines[n].strip() and not lines[n].lstrip().startswith("#")]
    if isinstance(value, str):
        said = [n for n in said if f'"{value}"' in lines[n] or f"'{value}'" in lines[n]] or said
    return said[0] + 1


def _written(key: Key) -> str:
    """A key as people would write it: ``attribute[2].tag``, entries counted from 1."""
    return "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in key).lstrip(".")
