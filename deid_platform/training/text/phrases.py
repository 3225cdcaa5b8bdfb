"""Made-up strings such as screens, films and labels carry. Nobody's data: syllables, numbers and words of the trade."""

from __future__ import annotations

import random
import string
from collections.abc import Callable

from deid_platform.training.text.typefaces import Script

_ONSETS = "b br c ch d dr f fl g gr h j k kl l m n p pr qu r s sch sl st t tr v w x y z".split()
_VOWELS = "a e i o u ai ea ou ie oo ä é ö ü ø å í ó ñe".split()
_CODAS = ["", "n", "r", "s", "l", "m", "ck", "nd", "ng", "tt", "x", "ß"]
_WORDS = (
    "Hospital Univ Clinic Center Dr MR CT US XA kVp mAs mA AP PA L R LAO RAO LL HFS FFS HFP DOB: DOB ID: ID Sex: M F "
    "Acc: Acc "
    "Se: Im: SL W L WL: WW: TE TR TI FA FOV mm cm Zoom Thk Study Date Name Patient MRN Accession ward bed Portable "
    "SUPINE ERECT PRONE Tech Rm dB MI TIS TIB Gain Gen Freq 2D CF PW PRF WF Low Med High bpm fps Pat T1 T2 FLAIR DWI "
    "SCOUT AXIAL SAG COR Radiology St. Klinikum Hôpital Größe Name: Geb. Größe Alter Patientin né(e) le Nº Fecha Edad "
    "Left Right Upper Lower Lateral Oblique MLO CC LCC RMLO Compression Force Dose mGy Exp Delay Contrast"
).split()
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_MARKS = "L R A P H F S I AP PA LL RL LAT CC MLO RCC LCC RMLO LMLO 1 2 3 7 0 12 A1 B2".split()
_CJK = (
    "患者姓名性别年龄医院检查日期科室男女岁影像号病人山田太郎東京大学附属病院氏名生年月日"
    "あいうえおかきくけこサシスセソタチツテト김이박최병원환자이름"
)
_RANGES = {
    Script.CYRILLIC: "АБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЭЮЯабвгдежзийклмнопрстуфхцчшщыьэюя",
    Script.GREEK: "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩαβγδεζηθικλμνξοπρστυφχψωάέήίό",
    Script.ARABIC: "ابتثجحخدذرزسشصضطظعغفقكلمنهوي",
}


def phrase(rng: random.Random, script: Script = Script.LATIN) -> str:
    """One line of text in a script."""
    if script is Script.LATIN:
        kinds, weights = zip(*_LATIN, strict=True)
        kind: Callable[[random.Random], str] = rng.choices(kinds, weights)[0]
        return kind(rng)
    letters = _CJK if script is Script.CJK else _RANGES[script]
    words = ["".join(rng.choices(letters, k=rng.randint(2, 8))) for _ in range(rng.randint(1, 3))]
    if rng.random() < 0.4:
        words.insert(rng.randrange(len(words) + 1), rng.choice([_number(rng), _date(rng)]))
    return " ".join(words)


def _syllables(rng: random.Random) -> str:
    word = "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(rng.randint(1, 3))) + rng.choice(_CODAS)
    return rng.choice([str.upper, str.capitalize, str.capitalize])(word)


def _name(rng: random.Random) -> str:
    return rng.choice([" ", "^", ", ", "-", "_"]).join((_syllables(rng), _syllables(rng)))


def _named(rng: random.Random) -> str:
    return f"{_syllables(rng)} {rng.choice('MFO')} {rng.randint(1, 99)}{rng.choice(['', 'Y', ' y'])}"


def _date(rng: random.Random) -> str:
    day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(1925, 2029)
    forms = (
        f"{day:02}/{month:02}/{year}",
        f"{day:02}.{month:02}.{year}",
        f"{year}-{month:02}-{day:02}",
        f"{year}{month:02}{day:02}",
        f"{day}-{rng.choice(_MONTHS)}-{year % 100:02}",
    )
    return rng.choice(forms)


def _time(rng: random.Random) -> str:
    return f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}" + rng.choice(["", f":{rng.randint(0, 59):02}", " PM"])


def _number(rng: random.Random) -> str:
    head = rng.choice(["ID: ", "MRN", "Acc ", "PID", "#", "", "", "No. "])
    return head + "".join(rng.choices(string.digits, k=rng.randint(3, 10)))


def _words(rng: random.Random) -> str:
    return " ".join(rng.choices(_WORDS, k=rng.randint(1, 5)))


def _setting(rng: random.Random) -> str:
    value = rng.choice([str(rng.randint(0, 999)), f"{rng.uniform(-99, 999):.1f}", f"{rng.uniform(0, 9):.2f}"])
    return f"{rng.choice(_WORDS)} {value}{rng.choice(['', ' mm', 'cm', ' kV', ' mA', 'dB', '%', ' Hz', ' ms'])}"


def _mark(rng: random.Random) -> str:
    return rng.choice(_MARKS)


def _code(rng: random.Random) -> str:
    return "".join(rng.choices(string.ascii_uppercase + string.digits, k=rng.randint(2, 12)))


def _noise(rng: random.Random) -> str:
    return "".join(rng.choices(string.ascii_letters + string.digits + "-/.,:;()+*#=éüñßÅøç|[]<>", k=rng.randint(1, 16)))


_LATIN: tuple[tuple[Callable[[random.Random], str], float], ...] = (
    (_name, 18), (_date, 12), (_time, 6), (_number, 13), (_words, 17), (_setting, 8), (_mark, 9), (_code, 8),
    (_named, 5), (_noise, 6),
)  # fmt: skip
