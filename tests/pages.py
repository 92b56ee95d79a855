"""Runs the command blocks of a page of the documentation, in their order, as somebody who reads it would.

A block is fenced as ``console``; its commands start with ``$ ``, and the other lines are output that has to come, in
which ``…`` stands for anything. A fenced block with a title is a file of the project. What a page needs stands in a
comment (``<!-- needs: engine, vault -->``); a comment before a block may say that it is not run, and why
(``<!-- not run: it asks for a password -->``), or with which status its last command ends (``<!-- ends with 1 -->``).
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import leaks

ROOT = Path(__file__).resolve().parent.parent
_FENCE = re.compile(r'^( *)```(\w+)(?: title="([^"]+)")?\n(.*?)^\1```$', re.MULTILINE | re.DOTALL)
_MARK = re.compile(r"<!-- (not run: .+|ends with \d+) -->\s*$")
_NEEDS = re.compile(r"<!-- needs: ([a-z, ]+) -->")
_HEREDOC = re.compile(r"<<-?'?(\w+)'?")


class Command(NamedTuple):
    """A command, the status with which it ends, and what it says."""

    line: int
    text: str
    status: int
    output: list[str]


class File(NamedTuple):
    """A file that the page shows."""

    name: str
    text: str


class Page(NamedTuple):
    """A page: what it needs, and what it shows and runs."""

    path: Path
    needs: frozenset[str]
    steps: list[Command | File]


def all_pages() -> list[Path]:
    """Return the pages that have blocks to run."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def load(path: Path) -> Page:
    """Read a page."""
    text = path.read_text()
    needs = _NEEDS.search(text)
    return Page(path, frozenset(needs[1].split(", ") if needs else ()), list(_steps(path, text)))


def _steps(path: Path, text: str) -> Iterator[Command | File]:
    for fence in _FENCE.finditer(text):
        indent, kind, title, body = fence.groups()
        body = re.sub(f"^{indent}", "", body, flags=re.MULTILINE)
        if title:
            yield File(title, body)
        if kind != "console":
            continue
        mark = _MARK.search(text[: fence.start()])
        if mark and mark[1].startswith("not run"):
            continue
        line = text.count("\n", 0, fence.start()) + 2
        commands = list(_commands(line, body.splitlines()))
        assert commands, f"{path.name}:{line}: a console block without a '$ ' line"
        if mark:
            commands[-1] = commands[-1]._replace(status=int(mark[1].removeprefix("ends with ")))
        yield from commands


def _commands(line: int, lines: list[str]) -> Iterator[Command]:
    rest = list(enumerate(lines, line))
    while rest:
        number, first = rest.pop(0)
        assert first.startswith("$ "), f"line {number}: output without a command: {first}"
        command = [first.removeprefix("$ ")]
        while rest and command[-1].endswith("\\"):
            command.append(rest.pop(0)[1])
        if heredoc := _HEREDOC.search(command[-1]):
            while rest and (not command[1:] or command[-1] != heredoc[1]):
                command.append(rest.pop(0)[1])
        output = []
        while rest and not rest[0][1].startswith("$ "):
            output.append(rest.pop(0)[1])
        yield Command(number, "\n".join(command), 0, [each for each in output if each.strip()])


def run(page: Page, project: Path, environment: Mapping[str, str], images: str = "") -> None:
    """Run a page in ``project``. Images that its files name are replaced by ``images``, where that is given."""
    state = project.parent / "state"
    state.write_text("")
    for step in [*(each for each in page.steps if isinstance(each, File)), *page.steps]:
        if isinstance(step, File):
            text = re.sub(r"image: [\w./:-]+", f"image: {images}", step.text) if images else step.text
            (project / step.name).parent.mkdir(parents=True, exist_ok=True)
            (project / step.name).write_text(text)
            continue
        script = f". {state}\n{step.text}\nstatus=$?\n{{ export -p; echo cd $(pwd); }} >{state}\nexit $status"
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", script], cwd=project, env=dict(environment), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300,
        )  # fmt: skip
        leaks.record(done.stdout, f"what {page.path.name}:{step.line} shows")
        said = done.stdout.decode()
        where = f"{page.path.relative_to(ROOT)}:{step.line}: {step.text}"
        assert done.returncode == step.status, f"{where}\nended with {done.returncode}:\n{said}"
        _compare(step.output, said, where)


def _compare(expected: list[str], said: str, where: str) -> None:
    lines = [" ".join(each.split()) for each in said.splitlines()]
    for each in expected:
        pattern = ".*".join(re.escape(part) for part in " ".join(each.split()).split("…"))
        while lines and not re.fullmatch(pattern, lines[0]):
            lines.pop(0)
        assert lines, f"{where}\nis to say, in this order: {each}\nand says:\n{said}"
