"""``deid crosswalk``: the only way from a pseudonym back to a patient."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

import click

from deid_platform.encryption import make_key, read_key
from deid_platform.errors import DeidError, VaultError
from deid_platform.store.protocol import Store
from deid_platform.store.url import open_store
from deid_platform.vault import COLUMNS, log_access, visit_rows

_vault = click.option("--vault", required=True, envvar="DEID_VAULT", help="Address of the vault: s3://... or a folder.")
_key = click.option(
    "--key", "key_file", required=True, envvar="DEID_VAULT_KEY_FILE", type=click.Path(path_type=Path),
    help="File with the vault's private key.",
)
_PSEUDONYM, _NEW = COLUMNS.index("pseudonym"), COLUMNS.index("new")


@click.group()
def crosswalk() -> None:
    """Keys for encrypted crosswalks, and re-identification with them. Every look is logged in the vault."""


@crosswalk.command()
@click.argument("file", type=click.Path(path_type=Path))
def keygen(file: Path) -> None:
    """Write a new private key to FILE, and print the public key that goes with it.

    Keep FILE away from the machines that de-identify, and a copy of it in a safe: nothing replaces it.
    """
    with _told():
        click.echo(make_key(file))


@crosswalk.command()
@click.argument("output", metavar="CSV", type=click.Path(path_type=Path))
@_vault
@_key
@click.option("--batch", default="", help="One batch only.")
def export(output: Path, vault: str, key_file: Path, batch: str) -> None:
    """Write everything the vault knows to a new file CSV, readable for you only."""
    with _told():
        store = open_store(vault)
        _export(store, read_key(key_file), output, batch)


@crosswalk.command()
@click.argument("pseudonyms", nargs=-1, required=True)
@_vault
@_key
def lookup(pseudonyms: tuple[str, ...], vault: str, key_file: Path) -> None:
    """Print, as CSV, what stands behind PSEUDONYMS: released Patient IDs, or released UIDs."""
    with _told():
        store, wanted = open_store(vault), frozenset(pseudonyms)
        found: dict[tuple[str, ...], None] = {}

        def note(row: list[str]) -> None:
            if row[_NEW] in wanted or (row[_PSEUDONYM] in wanted and row[0] != "item"):
                found[tuple(row)] = None

        log_access(store, "lookup", visit_rows(store, read_key(key_file), note), len(found))
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(found)


def _export(store: Store, key: str, output: Path, batch: str) -> None:
    """Write beside ``output`` until all is known to be whole and logged."""
    if output.exists():
        raise VaultError("The file to export to exists: choose another name.")
    unfinished = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        with open(unfinished, "x", encoding="utf-8", newline="", opener=_private) as file:
            crosswalks, rows = _write(file, store, key, batch)
        log_access(store, "export", crosswalks, rows)
        unfinished.rename(output)
    except OSError as error:
        raise VaultError(f"The export cannot be written ({type(error).__name__}): choose another folder.") from None
    finally:
        with suppress(OSError):
            unfinished.unlink()
    click.echo(f"{rows} rows of {crosswalks} crosswalks")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _write(file: TextIO, store: Store, key: str, batch: str) -> tuple[int, int]:
    writer, rows = csv.writer(file), 0
    writer.writerow(COLUMNS)

    def note(row: list[str]) -> None:
        nonlocal rows
        rows += 1
        writer.writerow(row)

    return visit_rows(store, key, note, batch), rows


@contextmanager
def _told() -> Iterator[None]:
    """Errors of ours as a sentence, and of any other the class only."""
    try:
        yield
    except DeidError as error:
        message = str(error)
    except Exception as error:  # noqa: BLE001 - its text may name people
        message = f"This software has a fault ({type(error).__name__}): report it."
    else:
        return
    click.echo(f"Error: {message}", err=True)
    sys.exit(1)
