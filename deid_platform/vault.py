"""The vault: encrypted crosswalks by batch, and a log of every look into them.

    <batch>/<digest>/crosswalk.jsonl.gz.age     one row for each patient, UID and object of a release
    log/<time>-<token>.json                     who exported or looked up how many rows, and when; only added to

A crosswalk is made from the originals when a batch is released, so that it still answers when they are gone.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import secrets
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from deid_platform.crosswalk import crossed
from deid_platform.encryption import check_recipients, read_rows_with, write_rows_for
from deid_platform.errors import VaultError
from deid_platform.manifest import Manifest
from deid_platform.model import Stage
from deid_platform.stages.pipeline import Pipeline, require
from deid_platform.stages.raw import raw_digest
from deid_platform.stages.released import published
from deid_platform.store.folder import FolderStore
from deid_platform.store.protocol import Store

COLUMNS = ("kind", "old", "new", "issuer", "pseudonym", "shift_days", "site")
"""Of a row: ``kind`` is patient (old: Patient ID), uid or item (old: landing key, new: released key); ``pseudonym`` is
the released Patient ID it belongs to, ``shift_days`` how far the patient's dates moved, empty where they did not."""
FILE = "crosswalk.jsonl.gz.age"
_LOG = "log/"
_VERSION = "1"


@dataclass(frozen=True, slots=True)
class Vault:
    """Where crosswalks are kept, and the public keys of those who may read them."""

    store: Store
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Deposit:
    """What was put into the vault for a batch: its key there, and how many rows; None when it was there already."""

    key: str
    digest: str
    rows: int | None


def vault_of(store: Store, recipients: tuple[str, ...] = ()) -> Vault:
    """A vault in a store, whose files only their owner may read. Raises VaultError for what is no public key."""
    store = replace(store, private=True) if isinstance(store, FolderStore) else store
    return Vault(store, check_recipients(recipients))


def deposit(pipeline: Pipeline, batch: str, vault: Vault) -> Deposit:
    """Keep the encrypted crosswalk of a released batch, unless it is there.

    Raises
    ------
    UnsafeToRelease
        The batch was not released under this policy, key and engine.
    StoreError
        An original cannot be read again, or the vault cannot be written.
    """
    released, released_digest = published(pipeline, batch)
    digest = hashlib.sha256("\n".join((_VERSION, released_digest, *vault.recipients)).encode()).hexdigest()[:32]
    key = f"{batch}/{digest}/{FILE}"
    if vault.store.stat(key) is not None:
        return Deposit(key, digest, None)
    raw = require(pipeline, Stage.RAW, batch, raw_digest(pipeline, batch))
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, FILE)
        count = write_rows_for(vault.recipients, _rows(pipeline, raw, released), path)
        vault.store.upload(path, key)
    return Deposit(key, digest, count)


def _rows(pipeline: Pipeline, raw: Manifest, released: Manifest) -> Iterator[tuple[str, ...]]:
    """The rows of a batch, each once."""
    identity = pipeline.identity
    shifted = pipeline.policy.dates == "shift"
    places = {entry.item: entry.object for entry in released.passed}
    told: set[tuple[str, ...]] = set()
    for entry, crossings in crossed(pipeline, raw, set(places)):
        pseudonym = identity.mentioned(entry.subject)
        days = str(identity.shift_days(entry.subject)) if shifted else ""
        common = (pseudonym, days, identity.site)
        yield "item", entry.object, places[entry.item], "", *common
        for crossing in crossings:
            row = (crossing.kind, crossing.old, crossing.new, crossing.issuer, *common)
            if row not in told:
                told.add(row)
                yield row


def visit_rows(vault: Store, private_key: str, visit: Callable[[list[str]], None], batch: str = "") -> int:
    """Call ``visit`` with every row in the vault, or of one batch; gives the number of crosswalks.

    Raises
    ------
    VaultError
        There is none, one is damaged, or the key does not fit.
    """
    count = 0
    for found in vault.list(f"{batch}/" if batch else ""):
        if found.key.endswith(f"/{FILE}"):
            with vault.fetch(found.key) as path:
                read_rows_with(private_key, path, visit)
            count += 1
    if not count:
        raise VaultError("There is no crosswalk: check the address of the vault, and the batch.")
    return count


def log_access(vault: Store, what: str, crosswalks: int, rows: int) -> None:
    """Note who looked into the vault, before anything is shown: no log, no answer.

    Raises
    ------
    StoreError
        The log cannot be written.
    """
    now = datetime.now(UTC)
    event = {
        "when": now.isoformat(timespec="seconds"),
        "who": _user(),
        "host": socket.gethostname(),
        "what": what,
        "crosswalks": crosswalks,
        "rows": rows,
    }
    store = replace(vault, private=True) if isinstance(vault, FolderStore) else vault
    store.write(f"{_LOG}{now:%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(4)}.json", json.dumps(event).encode())


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        return f"uid {os.getuid()}"
