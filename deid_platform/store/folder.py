"""A store in a folder of a file system, local or mounted."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat as modes
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

from deid_platform.errors import StoreError
from deid_platform.model import Reason, StoredObject
from deid_platform.store import keys

_UNFINISHED = ".deid-platform-unfinished-"
_CHUNK = 1 << 20
_UNREADABLE = "An object of the store cannot be read"
_REMEDIES = {
    errno.ENOENT: "look whether it was moved, deleted or is not mounted",
    errno.EACCES: "give the platform's user permission",
    errno.EPERM: "give the platform's user permission",
    errno.EROFS: "mount the file system for writing",
    errno.ENOSPC: "free space on the file system",
    errno.EDQUOT: "free space or raise the quota",
    errno.ENAMETOOLONG: "use shorter names",
    errno.EISDIR: "a folder stands in its place: move it away",
    errno.ENOTDIR: "a file stands where a folder should be: move it away",
    errno.EEXIST: "a file stands where a folder should be: move it away",
}


@dataclass(frozen=True, slots=True)
class FolderStore:
    """Objects as files under ``root``; the file names behind the keys are told by :mod:`deid_platform.store.keys`.

    What is no regular file (a symbolic link to a folder or to nothing, a pipe, a socket, a folder that cannot be
    opened) is listed with size 0 and refused by :meth:`fetch`, so that it is quarantined and not overlooked.
    Symbolic links to folders are followed at ``root`` only.

    The disk is asked to hold the bytes before they take their name, because a manifest is believed as it stands and so
    are the objects it lists. ``sync_uploads=False`` spares scratch stores that a power failure may take. What is
    written to a ``private`` store only its owner may read.
    """

    root: str
    sync_uploads: bool = True
    private: bool = False

    def require(self) -> None:
        """Raise StoreError unless the root is a folder that may be listed."""
        with _reported("The root folder of the store cannot be listed"):
            os.scandir(self.root).close()

    def within(self, prefix: str) -> FolderStore:
        """The store rooted at a folder of this one."""
        folder = keys.as_folder(prefix).rstrip("/")
        return replace(self, root=os.path.join(self.root, *map(keys.to_name, folder.split("/")))) if folder else self

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Objects under ``prefix`` in the order of their keys, read folder by folder as they are asked for."""
        start = prefix[: prefix.rfind("/") + 1]
        return _walk(self._folder(start), start, prefix)

    def folders(self, prefix: str = "") -> Iterator[str]:
        """Names of the folders under ``prefix``, empty ones and those that cannot be opened included."""
        keys.check_folder(prefix)
        segments = _segments(self._folder(prefix), _is_folder)
        return (segment.removesuffix("/") for segment in segments if segment.endswith("/"))

    def stat(self, key: str) -> StoredObject | None:
        """The object's description, or None; a folder is an object only when it cannot be opened."""
        path = self._path(key)
        with _reported("An object of the store cannot be looked at"):
            return _describe(path, key)

    def read(self, key: str) -> bytes:
        """The object's bytes."""
        with _opened(self._path(key), _UNREADABLE) as file, _reported(_UNREADABLE):
            return file.read()

    def head(self, key: str, count: int) -> bytes:
        """The object's first bytes."""
        with _opened(self._path(key), _UNREADABLE) as file, _reported(_UNREADABLE):
            return file.read(count)

    def read_range(self, key: str, at: int, count: int, etag: str) -> bytes:
        """A piece of the object with this etag."""
        with _opened(self._path(key), _UNREADABLE) as file, _reported(_UNREADABLE):
            if _etag(os.fstat(file.fileno())) != etag:
                raise StoreError(f"{_UNREADABLE} (it changed): run again.", Reason.SOURCE_CHANGED)
            file.seek(at)
            return file.read(count)

    def write(self, key: str, data: bytes) -> None:
        """Create or replace the object, on disk before it is seen."""
        self._replace(key, lambda sink: sink.write(data), sync=True)

    @contextmanager
    def fetch(self, key: str) -> Iterator[Path]:
        """The file itself, once it is known to be a regular file that can be opened."""
        path = self._path(key)
        _opened(path, _UNREADABLE).close()
        yield Path(path)

    def upload(self, source: Path, key: str) -> None:
        """Create or replace the object with a copy of a local file."""
        with _opened(os.fspath(source), "The file to be put into the store cannot be read") as file:
            self._replace(key, partial(shutil.copyfileobj, file, length=_CHUNK), sync=self.sync_uploads)

    def delete(self, key: str) -> None:
        """Remove the file; its folder stays."""
        path = self._path(key)
        absent = suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError)
        with _reported("An object of the store cannot be deleted"), absent:
            os.unlink(path)

    def locate(self, key: str) -> str:
        """The absolute path, names escaped as in the key."""
        keys.check(key)
        return f"{os.path.abspath(self.root)}/{key}"

    def _replace(self, key: str, fill: Callable[[BinaryIO], object], sync: bool) -> None:
        """Let ``fill`` write a file beside the object's place, then give it the object's name."""
        path = self._path(key)
        folder = os.path.dirname(path)
        temporary = os.path.join(folder, _UNFINISHED + secrets.token_hex(16))
        with _reported("An object cannot be written to the store"):
            os.makedirs(folder, 0o700 if self.private else 0o777, exist_ok=True)
            try:
                with open(temporary, "xb", opener=_private if self.private else None) as sink:
                    fill(sink)
                    if sync:
                        sink.flush()
                        os.fsync(sink.fileno())
                os.replace(temporary, path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary)
                raise

    def _path(self, key: str) -> str:
        keys.check(key)
        folder, _, name = key.rpartition("/")
        return os.path.join(self._folder(folder), keys.to_name(name))

    def _folder(self, prefix: str) -> str:
        """The path of a folder; one behind a symbolic link is refused, as it may lie outside of the root."""
        path = self.root
        for segment in keys.as_folder(prefix).split("/")[:-1]:
            path = os.path.join(path, keys.to_name(segment))
            if os.path.islink(path):
                raise StoreError("A folder of the store is a symbolic link, which is not followed: mount it instead.")
        return path


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _walk(folder: str, start: str, prefix: str) -> Iterator[StoredObject]:
    """All objects under ``folder``, whose keys begin with ``start``, that begin with ``prefix``.

    The pending folders stand on a list and not on the call stack, which a hostile tree would exhaust.
    """
    pending = [(folder, start, iter(_segments(folder, _is_open_folder)))]
    while pending:
        folder, start, segments = pending[-1]
        segment = next(segments, None)
        if segment is None:
            pending.pop()
        elif (start + segment).startswith(prefix):
            path = os.path.join(folder, keys.to_name(segment.removesuffix("/")))
            if segment.endswith("/"):
                pending.append((path, start + segment, iter(_segments(path, _is_open_folder))))
            elif found := _listed(path, start + segment):
                yield found


def _segments(folder: str, enters: Callable[[os.DirEntry[str]], bool]) -> list[str]:
    """What a folder holds, in key order; what ``enters`` approves ends in '/', as its keys go on with one."""
    try:
        with os.scandir(folder) as entries:
            return sorted(keys.from_name(e.name) + "/" * enters(e) for e in entries if not _is_unfinished(e))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise _failure("A folder of the store cannot be listed", error) from None


def _is_unfinished(entry: os.DirEntry[str]) -> bool:
    return entry.name.startswith(_UNFINISHED)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _is_open_folder(entry: os.DirEntry[str]) -> bool:
    return _is_folder(entry) and _is_listable(entry.path)


def _is_listable(path: str) -> bool:
    try:
        os.scandir(path).close()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _listed(path: str, key: str) -> StoredObject | None:
    """The object as a listing shows it: also where it may not be looked at."""
    try:
        return _describe(path, key)
    except OSError:
        return StoredObject(key, 0, "", 0.0)


def _describe(path: str, key: str) -> StoredObject | None:
    try:
        status = _status(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if modes.S_ISDIR(status.st_mode) and _is_listable(path):
        return None
    size = status.st_size if modes.S_ISREG(status.st_mode) else 0
    return StoredObject(key, size, _etag(status), status.st_mtime)


def _etag(status: os.stat_result) -> str:
    return f"{status.st_size:x}-{status.st_mtime_ns:x}-{status.st_ino:x}"


def _status(path: str) -> os.stat_result:
    """Of the regular file behind a symbolic link, else of what stands at the path itself."""
    status = os.lstat(path)
    if modes.S_ISLNK(status.st_mode):
        with suppress(OSError):
            target = os.stat(path)
            return target if modes.S_ISREG(target.st_mode) else status
    return status


def _opened(path: str, trouble: str) -> BinaryIO:
    """The regular file at ``path``, open for reading; never waits for a pipe."""
    with _reported(trouble, missing=Reason.SOURCE_CHANGED):
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not modes.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise StoreError(f"{trouble} (not a regular file): put a file in its place.")
    return os.fdopen(descriptor, "rb")


@contextmanager
def _reported(trouble: str, missing: Reason = Reason.UNREADABLE) -> Iterator[None]:
    """Turn an OSError, whose text names the path, into a StoreError, whose text does not."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _failure(trouble, error, missing) from None
    except OSError as error:
        raise _failure(trouble, error) from None


def _failure(trouble: str, error: OSError, reason: Reason = Reason.UNREADABLE) -> StoreError:
    cause = os.strerror(error.errno) if error.errno else type(error).__name__
    remedy = _REMEDIES.get(error.errno or 0, "look into the health of the file system")
    return StoreError(f"{trouble} ({cause}): {remedy}, then run again.", reason)
