"""The ``deid`` command: a thin layer over the engine.

Exit status 0 when every item was released or quarantined, 1 when the job could not be done, 2 on wrong usage.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from deid_platform.cli_crosswalk import crosswalk as crosswalk_commands
from deid_platform.cli_deface import deface_command
from deid_platform.cli_explain import explain
from deid_platform.cli_media import media
from deid_platform.errors import DeidError, PolicyError, VaultError
from deid_platform.identity import Identity, decode_key
from deid_platform.intake import is_site
from deid_platform.model import Stage
from deid_platform.naming import SubjectSettings, named
from deid_platform.pixels.inference import detector_from_environment
from deid_platform.policy import Policy, load_policy
from deid_platform.run import Order, Summary, run
from deid_platform.store.url import open_store
from deid_platform.subjects import Issuers, Unknown
from deid_platform.vault import Vault, vault_of
from deid_platform.workers import ProcessCompute, default_workers

KEY_VARIABLE = "DEID_KEY"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="deid-platform")
def main() -> None:
    """De-identify medical images."""


main.add_command(crosswalk_commands)
main.add_command(deface_command)
main.add_command(explain)
main.add_command(media)


@main.command(name="run")
@click.argument("source", metavar="INPUT", type=click.Path(path_type=Path))
@click.argument("output", metavar="OUTPUT", type=click.Path(path_type=Path))
@click.option("--profile", default="tcia", show_default=True, help="A profile's name, or the path of a .toml file.")
@click.option("--site", default="local", show_default=True, help="Whose patient numbers these are.")
@click.option("--mapping", metavar="FILE", envvar="DEID_MAPPING", help="Pseudonyms as CSV: patient_id,pseudonym.")
@click.option(
    "--unknown-subjects", type=click.Choice([str(value) for value in Unknown]), envvar="DEID_UNKNOWN_SUBJECTS",
    help="What becomes of patients the mapping does not name; quarantine unless told otherwise.",
)
@click.option(
    "--issuers", type=click.Choice([str(value) for value in Issuers]), envvar="DEID_ISSUERS",
    help="Whether equal numbers of different issuers are different patients; ignore, unless issuers are named.",
)
@click.option("--default-issuer", envvar="DEID_DEFAULT_ISSUER", help="Whose numbers come without an issuer.")
@click.option(
    "--subject-pattern", envvar="DEID_SUBJECT_PATTERN", metavar="REGEX",
    help="Finds the patient number in names of slides, pictures and NIfTI files, as its group (?P<subject>...).",
)
@click.option("--crosswalk", type=click.Path(path_type=Path, file_okay=False), help="Where to write old and new ids.")
@click.option("--vault", help="Address of a vault for an encrypted crosswalk.")
@click.option(
    "--crosswalk-recipient", "recipients", multiple=True,
    help="Public key for which the vault's crosswalk is encrypted; may be given several times.",
)
@click.option("--workers", type=click.IntRange(1), help="Processes; by default as many as there are cores.")
@click.option("--timeout", type=click.FloatRange(1), default=600.0, show_default=True, help="Seconds for one item.")
def run_command(
    source: Path, output: Path, profile: str, site: str, crosswalk: Path | None, workers: int | None, timeout: float,
    vault: str | None, recipients: tuple[str, ...], **subjects: Any,
) -> None:
    """De-identify a file or folder INPUT into a folder OUTPUT.

    The project key comes from the environment variable DEID_KEY (64 hexadecimal digits, as `openssl rand -hex 32`
    prints). OUTPUT gets released/, reports/, quarantine.csv and summary.json.
    """
    if not is_site(site):
        raise click.BadParameter("use lower-case letters, digits and hyphens, at most 32.", param_hint="--site")
    policy = _policy(profile)
    try:
        identity = named(Identity(_key(), site), _subjects(subjects))
        compute = ProcessCompute(workers or default_workers(), timeout)
        with _Bar() as bar:
            places = crosswalk, _vault(vault, recipients)
            order = Order(source, output, policy, identity, compute, *places, detector=detector_from_environment())
            summary = run(order, bar.advance)
    except DeidError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"A folder of this run cannot be used ({type(error).__name__}).")
    except Exception as error:  # noqa: BLE001 - its text and its traceback may name people
        _fail(f"This software has a fault ({type(error).__name__}): report it.")
    _report(summary)


def _policy(profile: str) -> Policy:
    try:
        return load_policy(profile)
    except PolicyError as error:
        raise click.BadParameter(str(error), param_hint="profile") from None


def _subjects(options: dict[str, Any]) -> SubjectSettings:
    """Options named like the settings; those not given keep their defaults."""
    return SubjectSettings(**{name: value for name, value in options.items() if value})


def _vault(address: str | None, recipients: tuple[str, ...]) -> Vault | None:
    """The vault to keep a crosswalk in, None when nobody asked for one."""
    if not address and not recipients:
        return None
    if not address or not recipients:
        raise VaultError("An encrypted crosswalk needs both a place and a reader: --vault and --crosswalk-recipient.")
    return vault_of(open_store(address), recipients)


def _key() -> bytes:
    text = os.environ.get(KEY_VARIABLE)
    if not text:
        raise VaultError(f"The project key is missing: set {KEY_VARIABLE}, for instance to what `openssl rand -hex 32` "
                         "prints, and keep it: the same key gives the same pseudonyms.")
    return decode_key(text)


def _report(summary: Summary) -> None:
    click.echo(f"found {summary.found} = released {summary.released} + quarantined {summary.quarantined}")
    for reason, count in sorted(summary.reasons.items()):
        click.echo(f"  {reason}: {count}")


def _fail(message: str) -> NoReturn:
    click.echo(f"Error: {message}", err=True)
    sys.exit(1)


class _Bar:
    """Items done by stage, on a terminal only."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._done = dict.fromkeys(Stage, 0)

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown and any(self._done.values()):
            click.echo("", err=True)

    def advance(self, stage: Stage, items: int) -> None:
        """Count items a stage has finished."""
        self._done[stage] += items
        if self._shown:
            text = "  ".join(f"{name} {count}" for name, count in self._done.items())
            click.echo(f"\r{text}", nl=False, err=True)


if __name__ == "__main__":
    main()
