"""Gives one process its secrets at ``/run/secrets``, and becomes it: no parent stays.

In a mount namespace of the process's own where the system allows one (``namespace``), else in a private directory in
memory (``private``).
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from ..errors import DeliveryError
from . import files
from .files import Granted


def run(granted: Sequence[Granted], command: Sequence[str], core_limit: tuple[int, int]) -> NoReturn:
    """Become ``command``, with the granted secrets as files. ``core_limit`` is the process's limit for core dumps.

    Raises:
        DeliveryError: the files cannot be put there; the command was not started.
        FileNotFoundError, PermissionError: the command cannot be started.
    """
    if sys.platform != "linux":
        raise DeliveryError("strongroom run needs Linux; elsewhere use strongroom with Docker Compose.")
    files.check_targets(granted)
    program = find_program(command[0])
    environment = dict(os.environ)
    environment.pop("SECRETS_DIR", None)
    from . import namespace, private

    if namespace.is_possible():
        namespace.enter()
        namespace.fill(granted)
    else:
        environment |= private.deliver(granted)
    resource.setrlimit(resource.RLIMIT_CORE, core_limit)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores these two, and a program inherits what is ignored
        signal.signal(number, signal.SIG_DFL)
    os.execve(program, list(command), environment)  # noqa: S606 - becoming the command is the point


def find_program(name: str) -> str:
    """Look a command up before any secret is written.

    Raises:
        FileNotFoundError, PermissionError: there is none that can be executed.
    """
    if program := shutil.which(name):
        return program
    if "/" in name and Path(name).exists():
        raise PermissionError(f"cannot execute: {name}")
    raise FileNotFoundError(f"command not found: {name}")
