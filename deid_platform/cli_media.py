"""``deid media``: released objects for a disc or another medium, with a DICOMDIR."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from deid_platform.audit.media import media_hits
from deid_platform.errors import DeidError
from deid_platform.media import FILLED_IN, write_media


@click.command()
@click.argument("released", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("output", type=click.Path(path_type=Path))
def media(released: Path, output: Path) -> None:
    """Copy the objects of the folder RELEASED into a new folder OUTPUT as a DICOM File-set with a DICOMDIR.

    File IDs are numbers. Objects for which no directory record is defined are left out, and counted.
    """
    try:
        made = write_media(released, output)
        hits = sorted(set(media_hits(output, FILLED_IN)))
    except DeidError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - its text may name files
        click.echo(f"Error: the File-set cannot be written ({type(error).__name__}).", err=True)
        sys.exit(1)
    for where, kind in hits:
        click.echo(f"Error: {where} of the DICOMDIR: {kind}. Do not hand it out, and report it.", err=True)
    click.echo(f"{made.written} objects and a DICOMDIR in {output}")
    for why, count in sorted(made.left_out.items()):
        click.echo(f"{count} left out: {why}")
    sys.exit(1 if hits else 0)
