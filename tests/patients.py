"""A project that something is wrong with: what doctor finds there, and its commands as a person runs them."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import leaks
from cli import STRONGROOM, Cli

Row = dict[str, str]


@dataclass
class Patient:
    """A project and its command line. ``prefix`` is what every command is run below, such as nsenter."""

    cli: Cli
    prefix: Sequence[str] = ()
    environment: dict[str, str] = field(default_factory=dict)

    def found(self, *arguments: str) -> list[Row]:
        """Return doctor's findings, whose exit status fits them."""
        done = self.run(f"strongroom doctor --format json {' '.join(arguments)}", status=None)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        assert done.returncode == (1 if rows else 0), done.stderr
        return rows

    def faults(self, *arguments: str) -> set[tuple[str, str, str]]:
        """Return fault, place and secret of each finding."""
        return {(row["Fault"], row["Where"], row["Secret"]) for row in self.found(*arguments)}

    def heal(self, *arguments: str, stdin: Mapping[str, str] | None = None, rounds: int = 30) -> list[str]:
        """Run the command of the first finding, which must mend it, until nothing is found; return the faults."""
        mended: list[str] = []
        rows = self.found(*arguments)
        while rows:
            assert len(mended) < rounds, rows
            row = rows[0]
            value = (stdin or {}).get(row["Secret"]) or leaks.fresh()
            if "secret create" in row["Command"]:
                self.answer(row["Command"], value)
            else:
                self.run(row["Command"], stdin=value)
            rows = self.found(*arguments)
            assert {**row, "Seen": ""} not in [{**each, "Seen": ""} for each in rows], row
            mended.append(row["Fault"])
        return mended

    def run(
        self, command: str, *, stdin: str = "", status: int | None = 0, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command line in the project, by a shell that finds this strongroom."""
        done = subprocess.run(
            [*self.prefix, "bash", "-c", command], input=stdin, capture_output=True, text=True, timeout=300,
            cwd=self.cli.project, env=self.variables() | dict(environment or {}),
        )  # fmt: skip
        leaks.record(done.stdout + done.stderr, f"the output of: {command}")
        assert status is None or done.returncode == status, f"{command}: {done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def answer(self, command: str, value: str) -> None:
        """Run a command line on a terminal, and type a value wherever it asks for one."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.cli.project)
            os.execvpe("bash", ["bash", "-c", command], self.variables() | {"TERM": "dumb"})
        shown = b""
        while select.select([terminal], [], [], 120)[0]:
            try:
                shown += os.read(terminal, 4096)
            except OSError:
                break
            if shown.endswith(b": "):
                os.write(terminal, f"{value}\n".encode())
                shown += b"\n"
        os.close(terminal)
        leaks.record(shown, f"the terminal of: {command}")
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, shown

    def variables(self) -> dict[str, str]:
        """Return the environment of its commands."""
        found = self.cli.variables() | self.environment
        return found | {"PATH": f"{Path(STRONGROOM).parent}:{found['PATH']}"}


def stand_in(directory: Path, name: str, text: str = '#!/bin/sh\nexec "$@"\n') -> None:
    """Make a program that stands in for one which a test machine does not have; by default for sudo."""
    directory.mkdir(exist_ok=True)
    (directory / name).write_text(text)
    (directory / name).chmod(0o755)


def without_docker(directory: Path) -> str:
    """Return a PATH with all that this machine has, but Docker."""
    directory.mkdir()
    for folder in map(Path, ("/usr/bin", "/bin", "/usr/sbin", "/sbin")):
        for program in folder.iterdir() if folder.is_dir() else ():
            link = directory / program.name
            if not program.name.startswith("docker") and not os.path.lexists(link):
                link.symlink_to(program)
    return str(directory)
