"""The command line as a process, in a home and a project of a test's own, and all of its commands."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import click

import leaks

STRONGROOM = str(Path(sys.executable).with_name("strongroom"))


@dataclass
class Result:
    """How a command ended."""

    status: int
    stdout: bytes = field(repr=False)
    stderr: str

    @property
    def out(self) -> str:
        return self.stdout.decode()


@dataclass
class Running:
    """A command that runs. ``said`` is what it wrote to standard error so far, ``out`` its output at the end."""

    process: subprocess.Popen[str]
    said: str = ""
    out: str = ""

    @property
    def pid(self) -> int:
        return self.process.pid

    def until(self, text: str) -> None:
        """Wait until it wrote a line to standard error that has ``text`` in it."""
        assert self.process.stderr
        for line in self.process.stderr:
            self.said += line
            if text in line:
                return
        raise AssertionError(f"it ended without '{text}': {self.said}")

    def kill(self) -> None:
        """Kill it, without a chance to clean up."""
        self.process.kill()
        self.end()

    def end(self) -> int:
        """Wait for its end, and return its status."""
        assert self.process.stdout
        out, said = self.process.communicate(timeout=300)
        self.out, self.said = out, self.said + said
        leaks.record(self.out + self.said, "the output of a command that was watched")
        return self.process.returncode


@dataclass
class Cli:
    """Runs ``strongroom`` in ``project`` as a user whose home is ``home``."""

    home: Path
    project: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(
        self, *arguments: str, stdin: bytes | str = b"", status: int = 0, reveals: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> Result:  # fmt: skip
        """Run a command that must end with ``status``. Its output is searched for values unless it ``reveals``."""
        data = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            [STRONGROOM, *arguments], input=data, capture_output=True, cwd=self.project,
            env=self.variables() | dict(environment or {}), timeout=300,
        )  # fmt: skip
        if not reveals:
            leaks.record(done.stdout, f"the output of: strongroom {' '.join(arguments)}")
        leaks.record(done.stderr, f"the messages of: strongroom {' '.join(arguments)}")
        result = Result(done.returncode, done.stdout, done.stderr.decode())
        assert result.status == status, f"strongroom {' '.join(arguments)}: status {result.status}: {result.stderr}"
        assert "Traceback" not in result.stderr or "--debug" in arguments
        return result

    def start(self, *arguments: str) -> Running:
        """Start a command that is looked at, or killed, while it runs."""
        process = subprocess.Popen(
            [STRONGROOM, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            cwd=self.project, env=self.variables(), text=True,
        )  # fmt: skip
        return Running(process)

    def variables(self) -> dict[str, str]:
        """Return the environment of its processes."""
        kept = {name: text for name, text in os.environ.items() if name in ("PATH", "LANG", "LC_ALL", "TERM")}
        return kept | {"HOME": str(self.home), "PYTHONWARNINGS": "error"} | self.environment

    def secret(self, name: str, *options: str) -> str:
        """Create a secret, and return its value."""
        value = leaks.fresh()
        self("secret", "create", *options, name, "-", stdin=value)
        return value

    def reveal(self, name: str, *options: str) -> str:
        """Return a secret's value."""
        return self("secret", "reveal", name, *options, reveals=True).out


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield a command and all below it, each with the words that lead there."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below
            yield from commands(below, (*path, name))
