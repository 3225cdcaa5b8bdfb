"""Words, and names told by the words beside them: after 'Dr' or 'referred by', before 'Hospital' or 'MD'."""

from __future__ import annotations

import gzip
import re
import tomllib
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import cache, lru_cache
from importlib import resources

PLACEHOLDER = "___"
"""Stands where an identifier stood."""

_WORD = re.compile(r"[^\W\d_]+")
# Letters that Unicode does not take apart into a plain one and a mark.
_PLAIN = str.maketrans("łøđðħı", "loddhi")


@cache
def word_list(name: str) -> frozenset[str]:
    """The words of ``data/<name>.txt``, which may be compressed (``.txt.gz``), folded."""
    folder = resources.files("deid_platform").joinpath("data")
    packed = folder.joinpath(f"{name}.txt.gz")
    text = (
        gzip.decompress(packed.read_bytes()) if packed.is_file() else folder.joinpath(f"{name}.txt").read_bytes()
    ).decode()
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))


def clinical_words() -> frozenset[str]:
    """Words of the standard's dictionaries: never taken for a name on context alone."""
    return word_list("clinical_words")


def clinical(word: str) -> bool:
    """Whether a folded word is clinical, technical, or everyday in reports."""
    return (
        word in clinical_words()
        or word in word_list("more_clinical_words")
        or (word in word_list("anatomy_words") and not eponymic(word))
        or (len(word) > 4 and _medical_ending().fullmatch(word) is not None)
    )


def eponymic(word: str) -> bool:
    """Whether a folded word is an eponym: a name that diseases, signs, views or makers have."""
    return word in word_list("eponyms")


def harmless(word: str) -> bool:
    """Whether a folded word tells nobody when it stands on its own."""
    return clinical(word) or eponymic(word)


@cache
def _medical_ending() -> re.Pattern[str]:
    return re.compile(rf"\w{{2,}}(?:{name_lists()['medical_endings']})")


def fold(text: str) -> str:
    """Lower case without accents, character by character, so that positions stay the same."""
    return text.lower() if text.isascii() else "".join(map(_fold_character, text))


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    decomposed = unicodedata.normalize("NFKD", character).lower().translate(_PLAIN)
    base = [c for c in decomposed if not unicodedata.combining(c)]
    return base[0] if len(base) == 1 else character


@cache
def folded_lists() -> dict[str, str]:
    """The lists without accents: to match folded text without minding case is several times as fast."""
    decomposed = {kind: unicodedata.normalize("NFKD", words.translate(_PLAIN)) for kind, words in name_lists().items()}
    return {kind: "".join(c for c in words if not unicodedata.combining(c)) for kind, words in decomposed.items()}


@cache
def name_lists() -> dict[str, str]:
    """The lists of ``data/name_words.toml``, each as alternatives of a pattern."""
    data = resources.files("deid_platform").joinpath("data/name_words.toml").read_text("utf-8")
    return {kind: "|".join(words) for kind, words in tomllib.loads(data).items()}


@cache
def _titles() -> re.Pattern[str]:
    """One or more titles with the dots and spaces behind them, in folded text."""
    words = "|".join(folded_lists()[kind] for kind in ("titles", "doubtful_titles", "weak_titles"))
    return re.compile(rf"(?<![^\W_])(?:(?:{words})(?![^\W_])(?:\.?(?:[\s:]+|_(?!_))|\.))+")


@cache
def _cues() -> re.Pattern[str]:
    """Other words in front of names, in folded text."""
    return re.compile(rf"(?<![^\W_])(?:{folded_lists()['cues']})(?![^\W_])\.?[\s:=]+")


@cache
def _person() -> re.Pattern[str]:
    """One word that may be a name, with what belongs to it in front, and what separates it from the next."""
    words = "|".join(name_lists()[kind] for kind in ("particles", "titles"))
    before = rf"(?i:{words})(?![^\W_])[.\s]{{1,3}}|[A-ZÀ-ÖØ-Þ](?![^\W\d_])[.\s]{{1,2}}"
    return re.compile(rf"(?:{before}){{0,4}}([^\W\d_](?:['’-]*[^\W\d_])*+)(?!\d)([\s.,^_]*(?:(?:and|und|et|[&/])\s+)?)")


def drop_after_cues(text: str) -> tuple[str, int]:
    """Names after a title or after words such as 'referred by'."""
    total = 0
    for pattern in (_titles(), _cues()):
        kept, done, folded = [], 0, fold(text)
        for match in pattern.finditer(folded):
            cue = _Cue(text, folded, match.start(), match.end())
            end = _end_of_names(cue, _sort(cue, titles=pattern is _titles()))
            if done <= cue.start and end > cue.end:
                kept += [text[done : cue.end], PLACEHOLDER]
                done, total = end, total + 1
        text = "".join([*kept, text[done:]])
    return text, total


@dataclass(frozen=True, slots=True)
class _Cue:
    """A title or cue: where it stands in a text, which is given as it was written and folded."""

    text: str
    folded: str
    start: int
    end: int

    @property
    def written(self) -> str:
        return self.text[self.start : self.end]

    @property
    def dotted(self) -> bool:
        return self.written.rstrip().endswith(".")


class Sort(Enum):
    """How far a word in front of a name may be trusted."""

    CERTAIN = "anything capitalised behind it is a name"
    DIGITAL_RADIOGRAPHY = "DR, which also stands before body parts"
    DOUBTFUL = "clinical words behind it are no names"
    WEAK = "only listed names behind it are names"
    NONE = "no title at all"
    CUE = "clinical words behind it are no names, and neither is an eponym with its noun"


def _sort(cue: _Cue, *, titles: bool) -> Sort:
    if not titles:
        shouted = re.match(r"[A-Z]{2}", cue.text[cue.end : cue.end + 2])
        heading = ":" in cue.written and re.match(r"klinik|clini[cq]", cue.folded[cue.start : cue.end])
        return Sort.WEAK if heading or (cue.written.startswith("c/o") and shouted) else Sort.CUE
    if re.search(r"[A-Z]\.\Z", cue.written):
        return Sort.NONE  # MR.BRC
    title = cue.written.strip(" .:_\t\n\x1f")
    unit = title in ("ms", "MS", "hr", "HR") and re.search(r"\d\s?\Z", cue.text[max(0, cue.start - 2) : cue.start])
    if unit or re.fullmatch(name_lists()["weak_titles"], title, re.IGNORECASE):
        return Sort.WEAK
    if title in ("MR", "MRS", "MS") and "." not in cue.written:
        after = re.match(r"[^\W\d_]+", cue.text[cue.end :][:40])
        return Sort.WEAK if after and after[0].isupper() else Sort.DOUBTFUL
    if title in ("mr", "ms") or re.fullmatch(name_lists()["doubtful_titles"], title, re.IGNORECASE):
        return Sort.DOUBTFUL
    return Sort.DIGITAL_RADIOGRAPHY if title == "DR" else Sort.CERTAIN


def _end_of_names(cue: _Cue, sort: Sort) -> int:
    """Where a run of at most three words that may be names ends; the end of the cue when there is none."""
    end = at = cue.end
    before = ""
    for position in range(0 if sort is Sort.NONE else 3):
        match = _person().match(cue.text, at)
        if match is None or _cues().match(cue.folded, match.start(1)):
            break
        small = sort is Sort.CERTAIN and cue.dotted and position == 1
        between = cue.text[end : match.start(1)]
        named = _continues(match, before, between, small=small) if position else _begins(match, cue, sort)
        if not named:
            break
        end, at, before = match.end(1), match.end(), match[1]
        if match[2].startswith(".") or "\n" in match[2]:
            break
    return end


def _begins(match: re.Match[str], cue: _Cue, sort: Sort) -> bool:
    """Whether a word right behind a title or a cue is a name."""
    word = match[1]
    if not word[0].isupper():
        # 'dr. jones', since no sentence begins after a title; without a dot a name must be a listed one.
        small = sort is Sort.CERTAIN and cue.dotted and not made_of(word, clinical)
        return small or (sort is not Sort.WEAK and _is_listed(word) and not made_of(word, clinical))
    if sort is Sort.WEAK:
        return _is_listed(word)
    if len("".join(_WORD.findall(word))) < 2:
        return False
    if sort is Sort.CERTAIN:
        return True
    if sort is Sort.DIGITAL_RADIOGRAPHY:
        return not made_of(word, _no_name_after_dr)
    return not made_of(word, clinical) and not (made_of(word, eponymic) and noun_follows(match.string, match.end(1)))


def _no_name_after_dr(word: str) -> bool:
    """Whether a folded word behind DR is one nobody is called."""
    return word in word_list("anatomy_words") or word in word_list("more_clinical_words")


def _continues(match: re.Match[str], before: str, separator: str, *, small: bool) -> bool:
    """Whether a word belongs to the name in front of it; ``small``: also when neither begins with a capital."""
    word = match[1]
    if len("".join(_WORD.findall(word))) < 2 or made_of(word, clinical):
        return False
    if not word[0].isupper():
        return before.islower() and not separator.strip() and (small or _is_listed(word))
    if _is_listed(word) and not made_of(word, eponymic):
        return True
    if made_of(word, eponymic):
        alike = fold(word) in word_list("common_surnames") and not before.isupper() and not word.isupper()
        if "," in separator and not _ends(match):
            return False
        listed = re.search(r"[,&/]|and|und|et", separator) is not None
        return (alike or listed or _is_given(before)) and not noun_follows(match.string, match.end(1))
    if "," in separator:
        return _ends(match)
    return word.isupper() == before.isupper() or not before.isupper()


def _ends(match: re.Match[str]) -> bool:
    """Whether a phrase ends behind a word."""
    return re.match(r"\s*(?:[,;.:/*<()\]\n|]|$)", match.string[match.end(1) :][:8]) is not None


def noun_follows(text: str, end: int) -> bool:
    """Whether an eponym that ends there has its noun or grade behind it: 'Baker cyst', 'Gleason 7'."""
    nouns = name_lists()["eponym_nouns"]
    return re.match(rf"(?:['’]?s)?[\s-]+(?:\d|{nouns})", text[end : end + 40], re.IGNORECASE) is not None


def made_of(word: str, test: Callable[[str], bool]) -> bool:
    """Whether all parts of a word pass a test."""
    return all(test(fold(part)) for part in _WORD.findall(word))


def _is_given(word: str) -> bool:
    return fold(word) in word_list("given_names") or fold(word) in word_list("common_given_names")


def _is_listed(word: str) -> bool:
    """Whether some part of a word is in a list of names."""
    lists = ("surnames", "given_names", "common_surnames", "common_given_names")
    return any(fold(part) in word_list(name) for part in _WORD.findall(word) for name in lists)
