"""``deid deface``: faces out of a NIfTI file or a DICOM folder, and nothing else."""

from __future__ import annotations

import csv
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import click

from deid_platform.deface import Defaced, DefaceOrder, Result, deface
from deid_platform.errors import DeidError
from deid_platform.model import REMEDIES, Reason
from deid_platform.policy.heads import CHOICES, HeadOptions
from deid_platform.workers import ProcessCompute, default_workers

HEADERS_STAY = "Headers, file names and text in the pixels are as they were: this is no de-identification."
_NOT_ALL = 3


@click.command(name="deface")
@click.argument("source", metavar="INPUT", type=click.Path(path_type=Path))
@click.argument("output", metavar="OUTPUT", type=click.Path(path_type=Path))
@click.option("--skull", type=click.Choice(CHOICES["skull"]), default="keep", show_default=True,
              help="strip: nothing but the brain stays.")
@click.option("--fill", type=click.Choice(CHOICES["fill"]), default="air", show_default=True,
              help="What takes the place of what goes.")
@click.option("--ears", type=click.Choice(CHOICES["ears"]), default="remove", show_default=True)
@click.option("--unproven", is_flag=True, help="Write also what nobody could prove to be without a face.")
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False),
              help="A new CSV file with a row for each file; it holds paths.")
@click.option("--workers", type=click.IntRange(1), help="Processes; by default as many as there are cores.")
@click.option("--timeout", type=click.FloatRange(1), default=600.0, show_default=True, help="Seconds for one series.")
def deface_command(
    source: Path, output: Path, skull: str, fill: str, ears: str, unproven: bool, report: Path | None,
    workers: int | None, timeout: float,
) -> None:  # fmt: skip
    """Take the faces out of a NIfTI file, or out of all DICOM and NIfTI files of a folder INPUT, into OUTPUT.

    Headers, file names and text in the pixels stay as they are: this is no de-identification, `deid run` is. UIDs stay
    as well, so keep the result apart from the originals.

    Another program than the one that removes measures every volume. Only what it proves is written. Exit status 0: all
    files are written and proven; 3: some are not, see the lines printed; 1: the job could not be done.
    """
    try:
        options = HeadOptions(faces="remove", skull=skull, ears=ears, fill=fill)
        files = deface(DefaceOrder(source, output, options, ProcessCompute(workers or default_workers(), timeout),
                                   unproven))
        if report is not None:
            _write(report, files)
    except DeidError as error:
        message = str(error)
    except OSError as error:
        message = f"A folder cannot be used ({type(error).__name__})."
    except Exception as error:  # noqa: BLE001 - its text may name people
        message = f"This software has a fault ({type(error).__name__}): report it."
    else:
        _tell(files)
        sys.exit(0 if files and all(one.result is Result.PROVEN for one in files) else _NOT_ALL)
    click.echo(f"Error: {message}", err=True)
    sys.exit(1)


def _tell(files: Sequence[Defaced]) -> None:
    """A line for each series, and what its reasons ask for. Names of files and patients are left out."""
    series: dict[int, list[Defaced]] = defaultdict(list)
    for one in files:
        series[one.series].append(one)
    for number, members in sorted(series.items()):
        kinds = Counter((one.modality, one.rule, one.result, one.reason) for one in members)
        for (modality, rule, result, reason), count in sorted(kinds.items()):
            what = ", ".join(filter(None, (rule.replace("_", " "), str(result), reason)))
            click.echo(f"series {number}: {count} {modality or 'files'}: {what}")
    for reason in sorted({one.reason for one in files if one.reason}):
        click.echo(f"  {reason}: {REMEDIES[Reason(reason)]}")
    click.echo(f"{sum(one.written for one in files)} of {len(files)} files written. {HEADERS_STAY}")


def _write(report: Path, files: Sequence[Defaced]) -> None:
    with report.open("x", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "series", "modality", "rule", "result", "reason", "written"))
        for one in files:
            writer.writerow((one.path, one.series, one.modality, one.rule, one.result, one.reason,
                             "yes" if one.written else "no"))
