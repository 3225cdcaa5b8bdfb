"""Rows that only the holder of another key can read: JSON lines, gzip, then age with X25519 recipients.

age (https://age-encryption.org/v1) encrypts to public keys, so whoever writes cannot read what was written, not even
with the project key. It works in authenticated pieces of 64 KiB: a file that was changed or cut short is refused,
memory does not grow with it, and nothing readable touches a disk. Without this software ``age -d -i KEY FILE | gunzip``
shows the rows.
"""

from __future__ import annotations

import io
import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyrage
from pyrage import x25519

from deid_platform.errors import VaultError

Row = Sequence[str]
_PIECE = 1 << 16
_GZIP = 16 + zlib.MAX_WBITS
_DAMAGED = "A crosswalk in the vault is damaged, cut short, or none: look for an intact copy."


def check_recipients(recipients: Iterable[str]) -> tuple[str, ...]:
    """Public keys in order, each once.

    Raises
    ------
    VaultError
        There is none, or one is no age X25519 recipient.
    """
    found = tuple(sorted({recipient.strip() for recipient in recipients if recipient.strip()}))
    if not found:
        raise VaultError("Nobody could read the crosswalk: give a recipient, as `deid crosswalk keygen` prints.")
    for recipient in found:
        _recipient(recipient)
    return found


def write_rows_for(recipients: Iterable[str], rows: Iterable[Row], path: Path) -> int:
    """Encrypt ``rows`` to ``path`` as they come; gives their number."""
    source = _Source(rows)
    with open(path, "wb", opener=_private) as sink:
        try:
            pyrage.encrypt_io(source, sink, [_recipient(recipient) for recipient in recipients])
        except Exception:
            if source.failure is not None:
                raise source.failure from None
            raise
    return source.count


def read_rows_with(identity: str, path: Path, visit: Callable[[list[str]], None]) -> None:
    """Call ``visit`` with every row of an encrypted file, in order.

    The last piece tells whether the file is whole, so what ``visit`` was given counts only once this returns.

    Raises
    ------
    VaultError
        The file is damaged or was not encrypted for this key.
    """
    key = _identity(identity)
    sink = _Sink(visit)
    try:
        with path.open("rb") as source:
            pyrage.decrypt_io(source, sink, [key])
        sink.finish()
    except pyrage.DecryptError as error:
        if "No matching keys" in str(error):
            raise VaultError("A crosswalk in the vault was made for another key: give the one that fits.") from None
        raise VaultError(_DAMAGED) from None
    except (OSError, ValueError, zlib.error):
        raise VaultError(_DAMAGED) from None


def make_key(path: Path) -> str:
    """Write a new private key into a file of its own, for its owner only; gives the recipient that goes with it.

    Raises
    ------
    VaultError
        The file exists, or cannot be written.
    """
    identity = x25519.Identity.generate()
    recipient = str(identity.to_public())
    lines = (f"# created: {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", f"# public key: {recipient}", str(identity))
    try:
        with open(path, "x", encoding="ascii", opener=_private) as file:
            file.write("\n".join(lines) + "\n")
    except FileExistsError:
        raise VaultError("The file for the key exists, and a lost key is lost for good: choose another name.") from None
    except OSError:
        raise VaultError("The file for the key cannot be written: choose another folder.") from None
    return recipient


def read_key(path: Path) -> str:
    """The private key in a file that :func:`make_key` or ``age-keygen`` wrote. Raises VaultError when there is none."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise VaultError("The file with the vault's private key cannot be read.") from None
    key = next((line.strip() for line in lines if line.strip() and not line.startswith("#")), "")
    _identity(key)
    return key


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _recipient(text: str) -> Any:
    try:
        return x25519.Recipient.from_str(text)
    except pyrage.RecipientError:
        raise VaultError("A recipient of the crosswalk is no age public key (age1...): give what "
                         "`deid crosswalk keygen` prints.") from None


def _identity(text: str) -> Any:
    try:
        return x25519.Identity.from_str(text)
    except pyrage.IdentityError:
        raise VaultError("The vault's private key is none (AGE-SECRET-KEY-1...): give the file that "
                         "`deid crosswalk keygen` wrote.") from None


class _Source(io.RawIOBase):
    """Rows as the bytes of a gzip file, made when they are asked for."""

    def __init__(self, rows: Iterable[Row]) -> None:
        super().__init__()
        self.count = 0
        self.failure: Exception | None = None
        self._pieces = self._zipped(rows)
        self._ready = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """At most ``size`` bytes. What goes wrong is kept, as the encryption would tell its text only."""
        try:
            while not self._ready or size < 0:
                self._ready += next(self._pieces)
        except StopIteration:
            pass
        except Exception as error:
            self.failure = error
            raise
        taken, self._ready = (self._ready, b"") if size < 0 else (self._ready[:size], self._ready[size:])
        return taken

    def _zipped(self, rows: Iterable[Row]) -> Iterator[bytes]:
        engine = zlib.compressobj(wbits=_GZIP)
        for row in rows:
            self.count += 1
            if piece := engine.compress(json.dumps(list(row)).encode("ascii") + b"\n"):
                yield piece
        yield engine.flush()


class _Sink(io.RawIOBase):
    """Takes the bytes of a gzip file and hands its rows on."""

    def __init__(self, visit: Callable[[list[str]], None]) -> None:
        super().__init__()
        self._visit = visit
        self._engine = zlib.decompressobj(wbits=_GZIP)
        self._rest = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        """Hand on the rows that ``data`` completes."""
        waiting = bytes(data)
        while waiting:
            lines = (self._rest + self._engine.decompress(waiting, _PIECE)).split(b"\n")
            waiting = self._engine.unconsumed_tail
            self._rest = lines.pop()
            for line in lines:
                self._visit(json.loads(line))
        return len(data)

    def finish(self) -> None:
        """Raise ValueError when the rows do not end where a row ends."""
        if self._rest or not self._engine.eof:
            raise ValueError("The rows are cut short.")
