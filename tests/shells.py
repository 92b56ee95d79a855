"""Shells on a terminal of their own: what they show when somebody types and presses the tabulator."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

_SECONDS = 60.0


class Shell:
    """An interactive shell. Use it as a context manager."""

    def __init__(self, command: list[str], directory: Path, environment: Mapping[str, str]) -> None:
        self.shown = ""
        self._terminal, inside = pty.openpty()
        self._process = subprocess.Popen(
            command, stdin=inside, stdout=inside, stderr=inside, cwd=directory, start_new_session=True,
            env={**environment, "TERM": "dumb", "PS1": "ready> ", "PROMPT": "ready> "},
        )  # fmt: skip
        os.close(inside)

    def __enter__(self) -> Shell:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)

    def run(self, line: str) -> None:
        """Run a line, and wait until it is done."""
        self.type(f"{line}; echo do''ne\r")
        self.until("done")

    def type(self, text: str) -> None:
        """Type, and forget what was shown before."""
        self.shown = ""
        os.write(self._terminal, text.encode())

    def until(self, text: str) -> None:
        """Wait until ``text`` is shown."""
        deadline = time.monotonic() + _SECONDS
        while text not in self.shown:
            assert time.monotonic() < deadline, f"no '{text}' in: {self.shown}"
            if select.select([self._terminal], [], [], 1)[0]:
                self.shown += os.read(self._terminal, 65536).decode(errors="replace")
