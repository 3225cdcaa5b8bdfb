"""Fuzzing for as long as wanted: `make fuzz ARGS="--minutes 15"`. What breaks is saved in the folder `.fuzz`.

Every round has a seed, which is printed when something breaks: `--seed N --rounds 1` tries the same inputs again.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz import texts
from tests.fuzz.archives import ArchiveExamination, archives
from tests.fuzz.files import Broken, Examination, broken_files, grown_files, real_files, seeds
from tests.fuzz.others import Other, OtherExamination, other_files

SAVED = Path(".fuzz")
INPUTS = 100
"""Files of one round; there are more of what is quick."""
MAX_MEMORY = 2 << 30
"""Bytes of address space: an input that makes the process want more breaks it."""


@dataclass(slots=True)
class Target:
    """Something to feed with inputs."""

    inputs: st.SearchStrategy[Any]
    check: Callable[[Any], object]
    inputs_per_round: int = INPUTS
    tried: int = 0
    broke: Counter[str] = field(default_factory=Counter)

    def round(self, name: str, number: int) -> None:
        """Try as many inputs as a round has; save the first one that breaks in each new way."""

        @seed(number)
        @settings(max_examples=self.inputs_per_round, deadline=None, database=None, phases=[Phase.generate],
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        @given(self.inputs)
        def one_after_the_other(given_: Any) -> None:
            self.tried += 1
            try:
                self.check(given_)
            except Exception as error:  # noqa: BLE001 - everything that comes up is what this is for
                self._note(name, number, given_, error)

        one_after_the_other()

    def _note(self, name: str, number: int, given_: Any, error: Exception) -> None:
        place = traceback.extract_tb(error.__traceback__)[-1]
        way = f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}"
        self.broke[way] += 1
        if self.broke[way] == 1:
            SAVED.mkdir(exist_ok=True)
            saved = SAVED / f"{name}-{number}-{self.tried}"
            saved.write_bytes(given_.data if isinstance(given_, Broken | Other) else repr(given_).encode())
            print(f"{name}: {way} ({str(error)[:80]}), --seed {number}, saved as {saved}", flush=True)


def targets(folder: Path) -> dict[str, Target]:
    """Everything that is fuzzed, by name."""
    found = {
        "broken": Target(broken_files(), Examination(folder)),
        "grown": Target(grown_files(), Examination(folder)),
        "others": Target(other_files(), OtherExamination(folder)),
        "archives": Target(archives(), ArchiveExamination(folder), INPUTS * 5),
        "planted": Target(texts.planted_texts(), texts.check_planted, INPUTS * 10),
        "nasty": Target(texts.nasty_texts(400), texts.check_time),
        "dates": Target(texts.dates_among_others(), texts.check_date, INPUTS * 10),
    }
    return found | ({"real": Target(real_files(), Examination(folder))} if seeds() else {})


def main() -> int:
    """Run rounds of all targets until the time is over; 1 if something broke."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=sys.maxsize)
    parser.add_argument("--seed", type=int, default=0, help="of the first round")
    parser.add_argument("--only", action="append", help="a target, may be repeated")
    asked = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    end = time.monotonic() + 60 * asked.minutes
    with tempfile.TemporaryDirectory(prefix="deid-") as scratch:
        chosen = {name: target for name, target in targets(Path(scratch)).items() if name in (asked.only or [name])}
        for number in range(asked.seed, asked.seed + asked.rounds):
            for name, target in chosen.items():
                target.round(name, number)
            if time.monotonic() > end:
                break
    return _report(chosen, number)


def _report(chosen: dict[str, Target], last: int) -> int:
    print(f"Seeds up to {last}.")
    for name, target in chosen.items():
        outcome = getattr(target.check, "seen", "")
        print(f"{name}: {target.tried} inputs, {target.broke.total()} broke {outcome}")
    return int(any(target.broke for target in chosen.values()))


if __name__ == "__main__":
    sys.exit(main())
