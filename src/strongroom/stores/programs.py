"""Programs that give a value on their standard output; what they are given is never an argument, but for names."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from ..errors import StoreRefused, StoreUnavailable

_LONGEST = 200  # characters of what a program says


class Ended(NamedTuple):
    """How a program ended; ``lines`` are those of its standard error that are not empty."""

    status: int
    output: bytes
    lines: Sequence[str]

    @property
    def said(self) -> str:
        """The last line of its standard error, or else its status."""
        return self.lines[-1][:_LONGEST].rstrip(".") if self.lines else f"status {self.status}"

    def __repr__(self) -> str:
        return f"<ended with status {self.status}>"


def run(
    words: Sequence[str], uri: str, limit: float, given: bytes = b"", environment: Mapping[str, str] | None = None
) -> Ended:
    """Run a program within ``limit`` seconds; ``uri`` names in messages what it was asked for.

    Raises:
        StoreRefused: it is not there, or cannot be run.
        StoreUnavailable: it did not end in time: it was killed, with what it started.
    """
    try:
        process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, **(environment or {})}, process_group=0,
        )  # fmt: skip
    except FileNotFoundError:
        raise StoreRefused(f"{uri} needs the program {words[0]}, which is not installed.") from None
    except OSError as error:
        raise StoreRefused(f"{uri} needs the program {words[0]}, which cannot be run: {error.strerror}.") from None
    with process:
        try:
            output, errors = process.communicate(given, timeout=limit)
        except BaseException as error:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            raise StoreUnavailable(f"{words[0]} did not end within {limit:.1f} seconds for {uri}.") from None
    lines = [line.strip() for line in errors.decode(errors="replace").splitlines() if line.strip()]
    return Ended(process.returncode, output, lines)
