"""Words, and names told by the words beside them: after 'Dr' or 'referred by', before 'Hospital' or 'MD'."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import cache, lru_cache
from importlib import resources

PLACEHOLDER = "___"
"""Stands where an identifier stood."""

_WORD = re.compile(r"[^\W\d_]+")
# Letters that Unicode does not take apart into a plain one and a mark.
_PLAIN = str.maketrans("łøđðħı", "loddhi")


@cache
def word_list(name: str) -> frozenset[str]:
    """The words of ``data/<name>.txt``, folded."""
    text = resources.files("deid_platform").joinpath(f"data/{name}.txt").read_text("utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))


def clinical_words() -> frozenset[str]:
    """Words of the standard's dictionaries: never taken for a name on context alone."""
    return word_list("clinical_words")


def fold(text: str) -> str:
    """Lower case without accents, character by character, so that positions stay the same."""
    return text.lower() if text.isascii() else "".join(map(_fold_character, text))


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    decomposed = unicodedata.normalize("NFKD", character).lower().translate(_PLAIN)
    base = [c for c in decomposed if not unicodedata.combining(c)]
    return base[0] if len(base) == 1 else character


@cache
def name_lists() -> dict[str, str]:
    """The lists of ``data/name_words.toml``, each as alternatives of a pattern."""
    data = resources.files("deid_platform").joinpath("data/name_words.toml").read_text("utf-8")
    return {kind: "|".join(words) for kind, words in tomllib.loads(data).items()}


@cache
def _titles() -> re.Pattern[str]:
    """One or more titles with the dots and spaces behind them."""
    words = f"{name_lists()['titles']}|{name_lists()['doubtful_titles']}"
    behind = r"\.?(?:[\s:]+|_(?!_))|(?-i:(?<=[a-z])\.)"
    return re.compile(rf"(?<![^\W_])(?:(?:{words})(?![^\W_])(?:{behind}))+", re.IGNORECASE)


@cache
def _cues() -> re.Pattern[str]:
    """Other words in front of names."""
    return re.compile(rf"(?<![^\W_])(?:{name_lists()['cues']})(?![^\W_])\.?[\s:=]+", re.IGNORECASE)


@cache
def _person() -> re.Pattern[str]:
    """One word that may be a name, with what belongs to it in front, and what separates it from the next."""
    words = "|".join(name_lists()[kind] for kind in ("particles", "titles"))
    before = rf"(?i:{words})(?![^\W_])[.\s]{{1,3}}|[A-ZÀ-ÖØ-Þ](?![^\W\d_])[.\s]{{1,2}}"
    return re.compile(rf"(?:{before}){{0,4}}([^\W\d_](?:['’-]*[^\W\d_])*+)(?!\d)([\s.,^_]*(?:(?:and|und|et|[&/])\s+)?)")


@cache
def _labels() -> re.Pattern[str]:
    """Kinds of places, and academic degrees, that stand behind a name."""
    places, credentials = name_lists()["places"], name_lists()["credentials"]
    return re.compile(rf"(?<!\s)(?:\s+(?:{places})|,?\s+(?:{credentials}))(?![^\W_])", re.IGNORECASE)


def drop_after_cues(text: str) -> tuple[str, int]:
    """Names after a title or after words such as 'referred by'."""
    total = 0
    for pattern in (_titles(), _cues()):
        kept, done = [], 0
        for cue in pattern.finditer(text):
            end = _end_of_names(text, cue, _excuses(cue) if pattern is _titles() else clinical_words())
            if done <= cue.start() and end > cue.end():
                kept += [text[done : cue.end()], PLACEHOLDER]
                done, total = end, total + 1
        text = "".join([*kept, text[done:]])
    return text, total


def _excuses(title: re.Match[str]) -> frozenset[str]:
    """Words that are no name right after this title: some are modalities, units and a disease as well."""
    written = title[0].strip(" .:_\t\n")
    if written in ("MR", "mr", "MS", "ms") or re.fullmatch(name_lists()["doubtful_titles"], written, re.IGNORECASE):
        return clinical_words()
    return word_list("anatomy_words") if written == "DR" else frozenset()


def _end_of_names(text: str, cue: re.Match[str], excuses: frozenset[str]) -> int:
    """Where a run of at most three words that may be names ends; the end of the cue when there is none."""
    end = at = cue.end()
    small = not excuses and cue[0].rstrip().endswith(".")  # 'dr. jones'; no sentence begins after a title
    for position in range(3):
        match = _person().match(text, at)
        if match is None or _cues().match(text, match.start(1)):
            break
        named = _may_be_name(match[1], clinical_words() if position else excuses)
        if not named and not (small and position < 2 and not _known(match[1], clinical_words())):
            break
        end, at = match.end(1), match.end()
        if match[2].startswith("."):
            break
    return end


def _may_be_name(word: str, excuses: frozenset[str]) -> bool:
    """Whether a word looks like a proper name: capital first, two letters or more, no known other word."""
    return word[0].isupper() and sum(map(len, _WORD.findall(word))) > 1 and not _known(word, excuses)


def _known(word: str, words: frozenset[str]) -> bool:
    """Whether a word is made of ``words``, or of such as end like medical ones; without ``words`` none is."""
    ending = re.compile(rf"\w{{2,}}(?:{name_lists()['medical_endings']})")
    parts = map(fold, _WORD.findall(word))
    return bool(words) and all(part in words or ending.fullmatch(part) for part in parts)


def drop_before_labels(text: str) -> tuple[str, int]:
    """The proper name in front of 'Hospital', 'Clinic', 'MD' and the like; the label stays."""
    kept, done, total = [], 0, 0
    for label in _labels().finditer(text):
        begin = max(done, _begin_of_proper_name(text, label.start()))
        if begin < label.start():
            kept += [text[done:begin], PLACEHOLDER]
            done, total = label.start(), total + 1
    return "".join([*kept, text[done:]]), total


def _begin_of_proper_name(text: str, end: int) -> int:
    """Where the run of words that may be names begins that ends at ``end``; ``end`` when there is none."""
    begin = end
    while word := re.search(r"(?<![^\s,;:])([^\s,;:]{1,40})\s*\Z", text[max(0, begin - 60) : begin]):
        if not _part_of_proper_name(word[1]):
            break
        begin -= len(word[0])
    return begin


def _part_of_proper_name(word: str) -> bool:
    if re.search(r"^[\W_]|\d", word):
        return False
    part_of_place = re.fullmatch(name_lists()["parts_of_places"], fold(word).strip("."))
    initial = re.fullmatch(r"[A-Z]\.", word)
    return bool(part_of_place or initial) or _may_be_name(word, clinical_words())
