"""What runs inside a worker process: silence, limits, then one task after the other.

Decoders in native code print warnings that may quote a file, and so may tracebacks and core dumps. A worker therefore
writes to nowhere, and nothing but pickled results and names of exception classes leaves it.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import pickle
import resource
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from threading import Thread
from typing import Any

SINGLE_THREAD = {"OMP_NUM_THREADS": "1", "OMP_THREAD_LIMIT": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""Environment of a worker. There is a worker per core already; libraries read these once, when they are loaded."""

READY, DONE, FAILED = b"!", b"+", b"-"
"""First byte of each message to the parent: can work; a pickled result follows; an exception's class name follows."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a worker needs to start: pickled function, address space in bytes, folder for temporary files."""

    function: bytes
    memory_bytes: int | None
    scratch: str


def serve(link: Connection, setup: Setup) -> None:
    """Be a worker: say READY, then answer each pickled task with one message, until the parent hangs up."""
    prepare(setup)
    try:
        function = pickle.loads(setup.function)  # noqa: S301 - made by the parent
    except BaseException as error:  # noqa: BLE001 - a module that cannot be imported may raise anything
        link.send_bytes(FAILED + class_name(error))
        return
    with suppress(EOFError, OSError):  # the parent has gone or has no more work
        link.send_bytes(READY)
        while True:
            link.send_bytes(answer(function, link.recv_bytes()))


def answer(function: Callable[[Any], Any], task: bytes) -> bytes:
    """Do one pickled task; never raises, and never tells more of an error than the name of its class."""
    try:
        return DONE + pickle.dumps(function(pickle.loads(task)))  # noqa: S301 - made by the parent
    except BaseException as error:  # noqa: BLE001 - also SystemExit: only this item is lost
        return FAILED + class_name(error)


def class_name(error: BaseException) -> bytes:
    """Name of the exception's class: unlike its text it cannot hold a value from a file."""
    return type(error).__name__.encode()


def prepare(setup: Setup) -> None:
    """Make this process silent, single-threaded, bounded in memory, and mortal."""
    os.setpgid(0, 0)  # one group with the programs it starts, so that they die with it; away from the terminal's Ctrl-C
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    silence()
    os.environ.update(SINGLE_THREAD, TMPDIR=setup.scratch)
    tempfile.tempdir = setup.scratch
    if setup.memory_bytes is not None:
        resource.setrlimit(resource.RLIMIT_AS, (setup.memory_bytes, setup.memory_bytes))
    Thread(target=_die_with_parent, daemon=True).start()


def silence() -> None:
    """Send all output of this process, also that of native code, to nowhere, and leave no core dump."""
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(null, stream)
    os.close(null)
    warnings.simplefilter("ignore")
    logging.disable(sys.maxsize)
    faulthandler.disable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _die_with_parent() -> None:
    """End this process and the programs it started once its parent has gone, however it went."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.killpg(0, signal.SIGKILL)
